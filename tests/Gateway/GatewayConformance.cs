using System.Text.Json;
using EasySmart.Hosting;

namespace EasySmart.Gateway.Tests;

/// <summary>The gateway answers like every service, but for who is known, which is its own to tell.</summary>
public sealed class GatewayConformance(GatewayHost gateway) : ServiceConformance(gateway)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public override async Task Without_the_gateway_nobody_is_known()
    {
        // What a service would believe is nothing here: only an access token says who somebody is.
        var inward = gateway.Verifier.Sign(Services.DeviceProvisioning, ServiceDefaults.Auth.CallerKind.User, []);
        await Envelope.AssertAsync(await gateway.With(inward).GetAsync("/api/v1/devices", Cancellation), 401, "unauthorized");
        await Envelope.AssertAsync(await gateway.Bearer(inward).GetAsync("/api/v1/devices", Cancellation), 401, "unauthorized");
    }

    // Instead of an API document of its own: every route, who answers it, and what it asks for.
    [Fact]
    public override async Task The_API_document_is_the_committed_one() =>
        await Snapshot.AssertAsync("routes.json", JsonSerializer.Serialize(Routes.All));
}
