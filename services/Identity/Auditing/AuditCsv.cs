using System.Globalization;
using System.Text;
using System.Text.Json;
using CsvHelper;
using CsvHelper.Configuration;

namespace EasySmart.Identity.Auditing;

/// <summary>
/// Audit records as RFC 4180 writes tables, in UTF-8. A cell that a spreadsheet would take for a formula gets a <c>'</c> before it: some
/// of what is in here (user agents, labels) was written by strangers, for an admin to open.
/// </summary>
internal sealed class AuditCsv : IAsyncDisposable
{
    private static readonly CsvConfiguration Rules = new(CultureInfo.InvariantCulture)
    {
        NewLine = "\r\n",
        InjectionOptions = InjectionOptions.Escape,
        InjectionCharacters = ['=', '+', '-', '@', '\t', '\r'],
        InjectionEscapeCharacter = '\'',
    };

    private static readonly string[] Header =
    [
        "id", "tenant_id", "user_id", "device_id", "event_type", "event_category", "severity", "actor_type", "actor_id", "resource_type",
        "resource_id", "action", "result", "ip_address", "user_agent", "request_id", "metadata", "timestamp", "chain_position", "hash",
    ];

    private readonly CsvWriter _csv;

    public AuditCsv(Stream body) => _csv = new CsvWriter(
        new StreamWriter(body, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), leaveOpen: true), Rules);

    public Task WriteHeaderAsync() => WriteAsync(Header);

    public Task WriteAsync(AuditEntry e) => WriteAsync(
    [
        e.Id.ToString(), e.TenantId?.ToString(), e.UserId?.ToString(), e.DeviceId?.ToString(), e.EventType, e.EventCategory, e.Severity, e.ActorType,
        e.ActorId, e.ResourceType, e.ResourceId, e.Action, e.Result, e.IpAddress, e.UserAgent, e.RequestId, e.Metadata?.GetRawText(),
        e.Timestamp.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture),
        e.ChainPosition.ToString(CultureInfo.InvariantCulture), e.Hash,
    ]);

    public Task FlushAsync(CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        return _csv.FlushAsync();
    }

    public ValueTask DisposeAsync() => _csv.DisposeAsync();

    private Task WriteAsync(IEnumerable<string?> cells)
    {
        foreach (var cell in cells)
        {
            _csv.WriteField(cell);
        }

        return _csv.NextRecordAsync();
    }
}
