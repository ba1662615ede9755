using EasySmart.Notifier.Notifications;

namespace EasySmart.Notifier.Tests;

/// <summary>The layout, without any server.</summary>
public sealed class MessageTests
{
    private static readonly TimeZoneInfo SaoPaulo = TimeZoneInfo.FindSystemTimeZoneById("America/Sao_Paulo");
    private static readonly DateTimeOffset Time = new(2026, 2, 15, 2, 5, 9, TimeSpan.Zero);
    private static readonly Guid Id = Guid.Parse("0197a6f0-0000-7000-8000-000000000001");

    [Fact]
    public void Every_field_has_its_place()
    {
        var message = new Message("🚨 [QUOTA] Evento", Time)
        {
            RequestId = "r-1",
            Quota = "devices",
            Status = "active",
            Source = "claim",
            DeviceLabel = "prensa-7",
            DeviceId = Id,
            UserEmail = "b@example.com",
            TenantId = Id,
            UserId = Id,
            Role = "tenant_admin",
            Email = "a@example.com",
        };
        Assert.Equal(
            $"""
            🚨 [QUOTA] Evento
            • email: a@example.com
            • role: tenant_admin
            • user_id: {Id}
            • tenant_id: {Id}
            • user_email: b@example.com
            • device_id: {Id}
            • device_label: prensa-7
            • source: claim
            • status: active
            • quota: devices
            • request_id: r-1
            • horario: 14/02/2026 23:05:09
            """,
            message.Text(SaoPaulo));
    }

    [Fact]
    public void Empty_fields_are_left_out() =>
        Assert.Equal("📟 [DEVICE] Cadastro\n• horario: 14/02/2026 23:05:09", new Message("📟 [DEVICE] Cadastro", Time) { Email = "" }.Text(SaoPaulo));

    // Brazil had daylight saving time until 2019.
    [Theory]
    [InlineData("2018-12-31T23:30:00Z", "31/12/2018 21:30:00")]
    [InlineData("2026-12-31T23:30:00Z", "31/12/2026 20:30:00")]
    public void Times_are_Sao_Paulos(string utc, string expected) =>
        Assert.EndsWith($"• horario: {expected}", new Message("x", DateTimeOffset.Parse(utc, System.Globalization.CultureInfo.InvariantCulture)).Text(SaoPaulo), StringComparison.Ordinal);
}
