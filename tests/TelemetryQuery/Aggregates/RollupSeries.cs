using Npgsql;

namespace EasySmart.TelemetryQuery.Tests.Aggregates;

/// <summary>A case's series as it is stored, among others with the same times.</summary>
/// <param name="Reader">A client of its tenant.</param>
/// <param name="Device">Its device.</param>
/// <param name="Label">The device's label.</param>
internal sealed record RollupSeries(HttpClient Reader, Guid Device, string Label)
{
    private const short Slot = 3;
    private const string Quarters = "FROM (SELECT DISTINCT t, d, s, date_bin('15 minutes', q, 'epoch') AS q FROM unnest($1, $2, $3, $4) u (t, d, s, q)) AS late";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Stores it as ingestion does: the readings in time, their rollups, the late ones with their marks, and what has been rolled up again since.</summary>
    public static async Task<RollupSeries> StoreAsync(QueryHost host, RollupCase @case)
    {
        var (plant, stranger) = (new Plant(host), new Plant(host));
        var label = Plant.NewLabel();
        var device = await plant.AddDeviceAsync(label);
        var other = await plant.AddDeviceAsync();
        (Guid Tenant, Guid Device, short Slot)[] all =
            [(plant.Tenant, device, Slot), (plant.Tenant, device, Slot + 1), (stranger.Tenant, device, Slot), (plant.Tenant, other, Slot)];
        // In the others the same times with other values, and some times a second later.
        var others = @case.Readings.Where((_, i) => i % 3 == 0).SelectMany(r => Enumerable.Range(1, all.Length - 1)
            .Select(s => r with { Series = s, Value = r.Value + (1000 * s), Time = r.Time.AddSeconds(r.Time.Second % 2) })).DistinctBy(r => (r.Series, r.Time));
        var isLate = @case.Readings.Concat(others).ToLookup(r => r.Arrival != Arrival.InTime && r.Time < @case.RolledUntil);
        var again = isLate[true].Where(r => r.Arrival == Arrival.LateAndRolledUpAgain);

        await using var batch = host.Ingestion.CreateBatch();
        batch.Add("UPDATE rollup_progress SET rolled_until = $1", @case.RolledUntil);
        AddReadings(batch, all, isLate[false]);
        foreach (var each in all)
        {
            batch.Add("SELECT roll_up(ARRAY[$1], ARRAY[$2], ARRAY[$3], ARRAY[$4], ARRAY[$5])", each.Tenant, each.Device, each.Slot, @case.Anchor.AddDays(-3), @case.RolledUntil);
        }

        AddReadings(batch, all, isLate[true]);
        batch.Add($"INSERT INTO rollups_due (tenant_id, device_id, slot, quarter) SELECT t, d, s, q {Quarters}", Places(all, isLate[true]));
        batch.Add($"SELECT roll_up(array_agg(t), array_agg(d), array_agg(s), array_agg(q), array_agg(q + interval '15 minutes')) {Quarters}", Places(all, again));
        batch.Add($"DELETE FROM rollups_due WHERE (tenant_id, device_id, slot, quarter) IN (SELECT t, d, s, q {Quarters})", Places(all, again));
        await batch.ExecuteNonQueryAsync(Cancellation);
        return new RollupSeries(plant.Reader, device, label);
    }

    /// <summary>The question as a client asks it.</summary>
    public string Url(Question question)
    {
        var url = $"/telemetry/aggregate?slot={Slot}&from={question.From:O}&to={question.To:O}&"
            + (question.ByLabel ? $"device_label={Label}" : $"device_id={Device}");
        foreach (var (name, value) in new (string, object?)[]
        {
            ("bucket", question.Bucket), ("points", question.Points), ("fill", question.Fill), ("tz", question.Zone),
            ("fn", question.Functions is { } functions ? string.Join(',', functions) : null),
        })
        {
            url += value is null ? "" : $"&{name}={value}";
        }

        return url;
    }

    private static void AddReadings(NpgsqlBatch batch, (Guid Tenant, Guid Device, short Slot)[] all, IEnumerable<StoredReading> readings)
    {
        var list = readings.ToList();
        batch.Add(
            """
            INSERT INTO readings (tenant_id, device_id, slot, time, received_at, form, value, payload, bytes)
            SELECT t, d, s, q, q, CASE WHEN p IS NULL THEN 1 ELSE 0 END, v, p::jsonb, 1 FROM unnest($1, $2, $3, $4, $5, $6) u (t, d, s, q, v, p)
            """,
            [.. Places(all, list), list.ConvertAll(r => r.Value), list.ConvertAll(Payload)]);
    }

    private static string? Payload(StoredReading reading) =>
        reading.Value is not { } value ? "\"open\"" : reading.AsJson ? $$"""{"value": {{value:R}}, "unit": "bar"}""" : null;

    private static object[] Places((Guid Tenant, Guid Device, short Slot)[] all, IEnumerable<StoredReading> readings)
    {
        var list = readings.ToList();
        return
        [
            list.ConvertAll(r => all[r.Series].Tenant), list.ConvertAll(r => all[r.Series].Device), list.ConvertAll(r => all[r.Series].Slot),
            list.ConvertAll(r => r.Time),
        ];
    }
}
