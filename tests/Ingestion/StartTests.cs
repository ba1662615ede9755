using EasySmart.Hosting;

namespace EasySmart.Ingestion.Tests;

/// <summary>What the service refuses to start with, and what it does while its database is away.</summary>
public sealed class StartTests(IngestionHost shared)
{
    [Theory]
    [InlineData("ConnectionStrings:Database", null)]
    [InlineData("ConnectionStrings:DatabaseSystem", null)]
    [InlineData("ConnectionStrings:RabbitMq", null)]
    [InlineData("services:device-provisioning:http:0", null)]
    [InlineData("Internal:ServiceKey", null)]
    [InlineData("Internal:ServiceKey", "short")]
    [InlineData("Mqtt:Host", null)]
    [InlineData("Mqtt:Port", "0")]
    [InlineData("Mqtt:Username", null)]
    [InlineData("Mqtt:Password", null)]
    [InlineData("Mqtt:ClientId", null)]
    [InlineData("Mqtt:ReceiveMaximum", "70000")]
    [InlineData("Ingestion:BatchRows", "0")]
    [InlineData("Ingestion:WaitingMessages", "7000")]
    [InlineData("Ingestion:WebhookPatience", "00:00:26")]
    [InlineData("Ingestion:OutageSeconds", "15")]
    public async Task A_missing_or_wrong_setting_is_refused_by_its_name(string key, string? value)
    {
        await using var host = new ScriptedHost { Inherited = shared.Database, Special = { [key] = value } };
        var failure = await Assert.ThrowsAnyAsync<Exception>(async () => await host.InitializeAsync());
        Assert.Contains(key, failure.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ConnectionStrings:Database", "telemetry_owner")]
    [InlineData("ConnectionStrings:DatabaseSystem", "telemetry_owner")]
    [InlineData("ConnectionStrings:Database", "ingestion_system")]
    public async Task A_role_that_would_not_keep_tenants_apart_is_refused(string key, string role)
    {
        await using var host = new ScriptedHost { Inherited = shared.Database, Special = { [key] = shared.Database.For(role) } };
        var failure = await Assert.ThrowsAnyAsync<Exception>(async () => await host.InitializeAsync());
        Assert.Contains("Refusing to start", failure.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task While_the_database_is_away_it_is_not_ready_and_then_it_is()
    {
        await using var host = await new ScriptedHost().StartAsync();
        await ReadyAsync(200);
        await host.Database.SetReachableAsync(false);
        await ReadyAsync(503);
        await host.Database.SetReachableAsync(true);
        await ReadyAsync(200);

        Task ReadyAsync(int status) => Eventually.TrueAsync(async () =>
            (int)(await host.Direct().GetAsync("/health/ready", TestContext.Current.CancellationToken)).StatusCode == status);
    }
}
