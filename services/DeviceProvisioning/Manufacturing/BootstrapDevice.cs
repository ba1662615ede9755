using EasySmart.Contracts.DeviceProvisioning;
using EasySmart.ServiceDefaults.Auth;
using EasySmart.ServiceDefaults.Errors;
using Microsoft.AspNetCore.Http.HttpResults;

namespace EasySmart.DeviceProvisioning.Manufacturing;

/// <summary>
/// A device asks what has become of it. Hardware that is not imported yet but signs with its own key is <c>not_provisioned</c>, with an empty
/// <c>device_id</c>; a device whose tenant is suspended is <c>suspended</c>.
/// </summary>
public static class BootstrapDevice
{
    private const int PollSeconds = 60;

    public static async Task<Results<FirmwareAnswer<BootstrapAnswer>, ProblemResult>> HandleAsync(
        SignedRequest request, Caller caller, Signers signers, CancellationToken cancellation)
    {
        var (signer, text, refusal) = await signers.VerifyAsync(request, purpose: null, caller, cancellation);
        return refusal is not null ? refusal
            : signer is null ? Answer("not_provisioned", "", text!.HardwareId)
            : Answer(StatusOf(signer), signer.DeviceId.ToString(), signer.HardwareId);
    }

    private static FirmwareAnswer<BootstrapAnswer> Answer(string status, string device, string? hardware) =>
        new(new BootstrapAnswer(status, device, hardware ?? "", PollSeconds));

    private static string StatusOf(Signer device) =>
        (device is { TenantStopped: true, Status: DeviceStatus.Claimed or DeviceStatus.Active } ? DeviceStatus.Suspended : device.Status)
            .ToString().ToLowerInvariant();
}

/// <summary>What has become of the device.</summary>
/// <param name="Status">
/// <c>not_provisioned</c>, or the device's status: <c>unclaimed</c>, <c>claimed</c>, <c>active</c>, <c>suspended</c> or <c>revoked</c>. <example>claimed</example>
/// </param>
/// <param name="DeviceId">Its id; empty while it has none. <example>019c5bd1-8c00-7c3a-9f4e-2b6d8a1e5f70</example></param>
/// <param name="HardwareId">Its hardware id; empty when it has none. <example>ES-00A1B2C3</example></param>
/// <param name="PollInterval">Seconds to wait before asking again. <example>60</example></param>
public sealed record BootstrapAnswer(string Status, string DeviceId, string HardwareId, int PollInterval);
