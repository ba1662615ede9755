using System.Diagnostics;

namespace EasySmart.Load;

/// <summary>Waits for what will be true soon.</summary>
internal static class Until
{
    public static async Task TrueAsync(string otherwise, TimeSpan patience, Func<Task<bool>> condition, CancellationToken cancellation)
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            var asked = clock.Elapsed;
            if (await condition())
            {
                return;
            }

            if (clock.Elapsed > patience)
            {
                throw new TimeoutException($"{otherwise} after {patience.TotalSeconds:0} s");
            }

            // A question that takes long is asked less often, or asking would be part of what is measured.
            var took = clock.Elapsed - asked;
            await Task.Delay(TimeSpan.FromMilliseconds(20) + 4 * took, cancellation);
        }
    }
}
