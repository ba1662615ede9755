using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Npgsql;

namespace EasySmart.Load;

/// <summary>Readings in the past.</summary>
/// <param name="Start">The first one's time.</param>
/// <param name="End">All are before.</param>
/// <param name="Devices">Whose they are.</param>
/// <param name="Readings">How many.</param>
/// <param name="Busy">How many are the first device's.</param>
/// <param name="CopySeconds">How long it took to store them.</param>
/// <param name="RollSeconds">How long ingestion then took to roll them up.</param>
internal sealed record Past(DateTime Start, DateTime End, int Devices, long Readings, long Busy, double CopySeconds, double RollSeconds);

/// <summary>
/// The past of a tenant's devices, put into the store by COPY: the first device as many readings a minute as a busy one sends, the others share
/// what is left. Made once and kept beside the fleet's secrets, since it takes minutes.
/// </summary>
/// <param name="Tenant">Its administrator.</param>
/// <param name="Devices">Its devices; slot 0 of each has readings.</param>
/// <param name="Past">What is stored of them.</param>
internal sealed record History(LoadTenant Tenant, LoadDevice[] Devices, Past Past)
{
    /// <summary>Readings of the first device's slot.</summary>
    public const int BusyPerMinute = 10;

    private const int RowsInOne = 20_000;
    private static readonly TimeSpan LongestRoll = TimeSpan.FromHours(2);

    public static async Task<History> GetAsync(RunningFleet fleet, Store store, Options options, CancellationToken cancellation)
    {
        var file = Path.Combine(fleet.State, "load-history.json");
        if (File.Exists(file) && JsonSerializer.Deserialize<History>(await File.ReadAllTextAsync(file, cancellation)) is { } kept)
        {
            Console.WriteLine($"{kept.Past.Readings:N0} readings since {kept.Past.Start:yyyy-MM-dd} are there from an earlier run");
            return kept;
        }

        using var gateway = new HttpClient { BaseAddress = new Uri(fleet["EASYSMART_GATEWAY_URL"]) };
        var tenant = await LoadTenant.RegisterAsync(gateway, cancellation);
        using var administrator = await tenant.SignInAsync(fleet, cancellation);
        var devices = await LoadTenant.ProvisionAsync(administrator, options.Devices, cancellation);
        var end = new DateTime(DateTime.UtcNow.Ticks / TimeSpan.TicksPerMinute * TimeSpan.TicksPerMinute, DateTimeKind.Utc);
        var start = end.AddDays(-options.Days);
        Console.WriteLine($"Storing {options.Rows:N0} readings of {devices.Length} devices since {start:yyyy-MM-dd}");
        var clock = Stopwatch.StartNew();
        var (rows, busy) = await CopyAsync(store, devices, start, end, options.Rows, cancellation);
        var copied = clock.Elapsed.TotalSeconds;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {rows:N0} in {copied:0} s; now they are rolled up"));
        clock.Restart();
        await RollUpAsync(store, start, end, cancellation);
        var made = new History(tenant, devices, new Past(start, end, devices.Length, rows, busy, Math.Round(copied), Math.Round(clock.Elapsed.TotalSeconds)));
        // As autovacuum leaves tables behind that were filled in the course of a year.
        await store.RunAsync("VACUUM (ANALYZE) readings, rollups, latest", cancellation);
        await File.WriteAllTextAsync(file, JsonSerializer.Serialize(made), cancellation);
        return made;
    }

    private static async Task<(long Rows, long Busy)> CopyAsync(
        Store store, LoadDevice[] devices, DateTime start, DateTime end, long rows, CancellationToken cancellation)
    {
        var minutes = (long)(end - start).TotalMinutes;
        var othersPerMinute = Math.Max(0, rows - BusyPerMinute * minutes) / (double)Math.Max(1, devices.Length - 1) / minutes;
        var (copy, inOne, done, busy) = (new CopyRows(RowsInOne), 0, 0L, 0L);
        var last = new (long Time, double Value)[devices.Length];
        await using var connection = await store.OpenAsync(cancellation);
        copy.Begin();
        // Minute by minute, as a year of arrivals would lie in the table: every device's readings among all others'.
        for (var minute = 0L; minute < minutes; minute++)
        {
            for (var i = 0; i < devices.Length; i++)
            {
                var perMinute = i == 0 ? BusyPerMinute : othersPerMinute;
                var (from, to) = ((long)(minute * perMinute), (long)((minute + 1) * perMinute));
                for (var n = from; n < to; n++)
                {
                    var time = CopyRows.MicrosOf(start) + minute * 60_000_000 + (n - from) * 60_000_000 / (to - from) + i * 10_000;
                    var value = Math.Round(20 + i + 8 * Math.Sin(minute * Math.Tau / 1440) + n * 7919 % 100 / 50.0, 2);
                    copy.Add(devices[i].TenantId, devices[i].DeviceId, 0, time, form: 1, value, bytes: 15);
                    last[i] = (time, value);
                    busy += i == 0 ? 1 : 0;
                    if (++inOne == RowsInOne)
                    {
                        await copy.SendAsync(connection, cancellation);
                        done += inOne;
                        inOne = 0;
                        copy.Begin();
                    }
                }
            }

            if (minute % (30 * 1440) == 0)
            {
                Console.WriteLine($"  {start.AddMinutes(minute):yyyy-MM-dd}  {done:N0}");
            }
        }

        await copy.SendAsync(connection, cancellation);
        await SetLatestAsync(connection, devices, last, cancellation);
        return (done + inOne, busy);
    }

    private static async Task SetLatestAsync(NpgsqlConnection connection, LoadDevice[] devices, (long Time, double Value)[] last, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(
            """
            INSERT INTO latest (tenant_id, device_id, slot, time, received_at, form, value)
            SELECT t, d, 0, at, at, 1, v FROM (SELECT t, d, timestamptz '2000-01-01 00:00Z' + micros * interval '1 microsecond' AS at, v
                FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::float8[]) AS last (t, d, micros, v)) AS rows
            """,
            connection);
        command.Parameters.Add(new() { Value = devices.Select(d => d.TenantId).ToArray() });
        command.Parameters.Add(new() { Value = devices.Select(d => d.DeviceId).ToArray() });
        command.Parameters.Add(new() { Value = last.Select(l => l.Time).ToArray() });
        command.Parameters.Add(new() { Value = last.Select(l => l.Value).ToArray() });
        await command.ExecuteNonQueryAsync(cancellation);
    }

    /// <summary>Sets the rollups' progress back to where the readings begin, as an operator does to have them made anew, and waits.</summary>
    private static async Task RollUpAsync(Store store, DateTime start, DateTime end, CancellationToken cancellation)
    {
        await store.RunAsync($"UPDATE rollup_progress SET rolled_until = least(rolled_until, date_bin('15 minutes', timestamptz '{start:u}', 'epoch'))", cancellation);
        var told = "";
        await Until.TrueAsync("The readings are not rolled up", LongestRoll, async () =>
        {
            var until = (DateTime)(await store.AskAsync("SELECT rolled_until FROM rollup_progress", cancellation))!;
            if (told != $"{until:yyyy-MM}")
            {
                Console.WriteLine($"  rolled up until {until:yyyy-MM-dd HH:mm}");
                told = $"{until:yyyy-MM}";
            }

            return until >= end.AddMinutes(-15);
        }, cancellation);
    }
}
