using System.Net;
using EasySmart.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;

namespace EasySmart.ServiceDefaults.Tests;

/// <summary>Who may read a service's <c>/metrics</c>, and how lists of networks are written.</summary>
public sealed class MetricsAccessTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("127.0.0.1", null, 200)]
    [InlineData("172.18.0.5", null, 200)]
    [InlineData("::ffff:10.0.0.5", null, 200)]
    [InlineData("fd00::5", null, 200)]
    [InlineData("203.0.113.5", null, 404)]
    [InlineData("2001:db8::1", null, 404)]
    [InlineData("127.0.0.1", "10.0.0.0/8", 404)]
    [InlineData("203.0.113.5", "203.0.113.0/24", 200)]
    [InlineData("203.0.113.5", "203.0.113.5", 200)]
    public async Task Configured_networks_read_metrics_and_all_others_find_nothing(string address, string? network, int status)
    {
        var builder = Builder(("Metrics:Networks:0", network));
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        await using var app = builder.Build();
        app.Use((context, next) =>
        {
            context.Connection.RemoteIpAddress = IPAddress.Parse(address);
            return next(context);
        });
        app.UseServiceDefaults();
        await app.StartAsync(Cancellation);
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        foreach (var path in new[] { "/metrics", "/METRICS/" })
        {
            using var answer = await client.GetAsync(path, Cancellation);
            if (status == 404)
            {
                await Envelope.AssertAsync(answer, 404, "not_found");
            }

            Assert.Equal(status, (int)answer.StatusCode);
        }

        // Whatever else there is stays.
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/health", Cancellation)).StatusCode);
    }

    [Theory]
    [InlineData("Metrics:Networks:1", "10.0.0.0/33")]
    [InlineData("Metrics:Networks:0", "10")]
    [InlineData("Metrics:Networks:0", "localhost")]
    [InlineData("Metrics:Networks:0", "")]
    [InlineData("Metrics:Networks", "10.0.0.0/8,127.0.0.1")]
    public void A_list_that_cannot_be_read_stops_the_start_and_is_named(string key, string value) =>
        Assert.Contains(key, Assert.Throws<InvalidOperationException>(() => Builder((key, value))).Message, StringComparison.Ordinal);

    private static WebApplicationBuilder Builder((string Key, string? Value) setting)
    {
        var builder = WebApplication.CreateBuilder();
        builder.Configuration["InternalIdentity:Key"] = Convert.ToBase64String(new byte[32]);
        if (setting.Value is not null)
        {
            builder.Configuration[setting.Key] = setting.Value;
        }

        builder.AddServiceDefaults("measured");
        return builder;
    }
}
