using System.Diagnostics;

namespace EasySmart.Hosting;

/// <summary>Waits for a condition with a deadline, where the system under test takes its own time.</summary>
public static class Eventually
{
    /// <summary>Waits until <paramref name="condition"/> holds; fails after <paramref name="seconds"/>, with its last exception if any.</summary>
    public static Task TrueAsync(Func<Task<bool>> condition, int seconds = 30) => GetAsync(async () => await condition() ? "" : null, seconds);

    /// <summary>Waits until <paramref name="find"/> returns something, and returns it.</summary>
    public static async Task<T> GetAsync<T>(Func<Task<T?>> find, int seconds = 30) where T : class
    {
        var clock = Stopwatch.StartNew();
        Exception? last = null;
        while (clock.Elapsed < TimeSpan.FromSeconds(seconds))
        {
            try
            {
                if (await find() is { } found)
                {
                    return found;
                }

                last = null;
            }
            catch (Exception exception) when (exception is not OperationCanceledException)
            {
                last = exception;
            }

            await Task.Delay(50, TestContext.Current.CancellationToken);
        }

        throw new TimeoutException($"Did not come about within {seconds} s", last);
    }
}
