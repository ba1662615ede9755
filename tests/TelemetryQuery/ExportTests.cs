using System.Globalization;
using System.Text;
using System.Text.Json;
using CsvHelper;
using EasySmart.Hosting;
using Parquet;

namespace EasySmart.TelemetryQuery.Tests;

/// <summary>Readings as a file, read back by readers that know nothing of how it was written.</summary>
public sealed class ExportTests(QueryHost host)
{
    private static readonly DateTimeOffset Start = StoredSeries.Start;
    private static readonly string Range = StoredSeries.Range(Start, Start.AddDays(30));

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private readonly StoredSeries _series = new(host);

    [Fact]
    public async Task Each_format_holds_what_history_holds_slot_by_slot()
    {
        await FillAsync();
        var history = new List<JsonElement>();
        foreach (var slot in new[] { 0, 7, 32767 })
        {
            history.AddRange(await _series.HistoryAsync($"slot={slot}&order=asc&limit=10000&{Range}"));
        }

        Assert.Equal(12_000 + 3 + 1, history.Count);
        Assert.Equal(history.Select(r => r.GetRawText()), (await TextAsync("ndjson")).TrimEnd('\n').Split('\n'));
        var rows = history.Select(Row.Of).ToList();
        Assert.Equal(rows, ReadCsv(await TextAsync("csv")));
        Assert.Equal(rows, await ReadParquetAsync(await BytesAsync("parquet")));
        Assert.Equal(rows.Where(row => row.Slot == 7), ReadCsv(await TextAsync("csv", "&slot=7")));
    }

    [Theory]
    [InlineData("csv", "text/csv; charset=utf-8")]
    [InlineData("ndjson", "application/x-ndjson")]
    [InlineData("parquet", "application/vnd.apache.parquet")]
    public async Task The_file_has_a_name_that_every_system_takes(string format, string type)
    {
        var label = $"ação \"{Guid.NewGuid():N}\"; 設備 7..";
        await _series.WithDeviceAsync(label);
        await _series.AddAsync(0, Start, 1);
        using var answer = await _series.Reader.GetAsync($"/telemetry/export?format={format}&device_id={_series.Device}&{Range}", Cancellation);
        Assert.Equal(type, answer.Content.Headers.ContentType?.ToString());
        Assert.Equal(
            $"attachment; filename=\"a__o__{label.Split('"')[1]}______7_20260215T120000Z_20260317T120000Z.{format}\"",
            answer.Content.Headers.NonValidated["Content-Disposition"].ToString());
        Assert.NotEqual(Encoding.UTF8.Preamble.ToArray(), (await answer.Content.ReadAsByteArrayAsync(Cancellation)).Take(3));
    }

    [Fact]
    public async Task A_label_without_any_such_character_gives_way_to_the_id()
    {
        await _series.WithDeviceAsync(string.Concat(Guid.NewGuid().ToString("N").Select(c => (char)('設' + c))));
        using var answer = await _series.Reader.GetAsync($"/telemetry/export?format=csv&device_id={_series.Device}", Cancellation);
        Assert.Contains($"filename=\"{_series.Device}_", answer.Content.Headers.NonValidated["Content-Disposition"].ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_empty_range_is_a_whole_file_without_readings()
    {
        await _series.WithDeviceAsync();
        Assert.Equal("timestamp,slot,value,payload\r\n", await TextAsync("csv"));
        Assert.Equal("", await TextAsync("ndjson"));
        Assert.Empty(await ReadParquetAsync(await BytesAsync("parquet")));
    }

    [Theory]
    [InlineData("csv")]
    [InlineData("ndjson")]
    public async Task A_file_that_broke_off_goes_on_after_its_last_whole_line(string format)
    {
        await FillAsync();
        var whole = await TextAsync(format);
        foreach (var length in new[] { 400, whole.Length / 3, whole.Length - 30, whole.Length })
        {
            var got = whole[..(whole.LastIndexOf('\n', length - 1) + 1)];
            var last = got.TrimEnd().Split('\n')[^1];
            var (slot, time) = format == "csv" ? (last.Split(',')[1], last.Split(',')[0]) : Place(JsonSerializer.Deserialize<JsonElement>(last));
            Assert.Equal(whole, got + await TextAsync(format, $"&cursor={slot}@{time}"));
        }

        static (string, string) Place(JsonElement line) => (line.GetProperty("slot").GetRawText(), line.GetProperty("timestamp").GetString()!);
    }

    [Theory]
    [InlineData("", "format")]
    [InlineData("&format=xlsx", "format")]
    [InlineData("&format=csv&slot=-1", "slot")]
    [InlineData("&format=csv&from=2026-02-15T00:00:00Z&to=2026-02-14T00:00:00Z", "from")]
    [InlineData("&format=csv&cursor=", "cursor")]
    [InlineData("&format=csv&cursor=garbage", "cursor")]
    [InlineData("&format=csv&cursor=7", "cursor")]
    [InlineData("&format=csv&cursor=40000@2026-02-15T00:00:00Z", "cursor")]
    [InlineData("&format=csv&cursor=7@yesterday", "cursor")]
    [InlineData("&format=csv&slot=8&cursor=7@2026-02-15T00:00:00Z", "cursor")]
    [InlineData("&format=parquet&cursor=7@2026-02-15T00:00:00Z", "cursor")]
    public async Task What_is_wrong_with_a_question_is_named(string query, string field)
    {
        var envelope = await Envelope.AssertAsync(await _series.Reader.GetAsync($"/telemetry/export?device_label=press{query}", Cancellation), 400, "bad_request");
        Assert.Equal([field], envelope.GetProperty("details").EnumerateObject().Select(property => property.Name));
    }

    private async Task FillAsync()
    {
        await _series.WithDeviceAsync();
        await _series.AddAsync(7, Start, 12_000);
        await _series.AddOneAsync(0, Start.AddMicroseconds(1), """{"value": 1.5, "unit": "a,\"b\"", "text": "line\nbreak ação 🧾"}""", 1.5);
        await _series.AddOneAsync(0, Start.AddMicroseconds(2), "null");
        await _series.AddOneAsync(0, Start.AddDays(20), "\"text\"");
        await _series.AddOneAsync(32767, Start.AddDays(29), "-3.25e-7", -3.25e-7);
        await _series.AddOneAsync(32767, Start.AddDays(30), "\"outside\"");
    }

    private async Task<byte[]> BytesAsync(string format, string more = "") =>
        await _series.Reader.GetByteArrayAsync($"/telemetry/export?format={format}&device_id={_series.Device}&{Range}{more}", Cancellation);

    private async Task<string> TextAsync(string format, string more = "") => new UTF8Encoding(false, true).GetString(await BytesAsync(format, more));

    private static List<Row> ReadCsv(string text)
    {
        using var csv = new CsvReader(new StringReader(text), CultureInfo.InvariantCulture);
        Assert.True(csv.Read() && csv.ReadHeader());
        Assert.Equal(["timestamp", "slot", "value", "payload"], csv.HeaderRecord!);
        var rows = new List<Row>();
        while (csv.Read())
        {
            rows.Add(new Row(csv.GetField<DateTimeOffset>(0), csv.GetField<short>(1), csv.GetField<double?>(2), csv.GetField(3) is { Length: > 0 } json ? json : null));
        }

        return rows;
    }

    private static async Task<List<Row>> ReadParquetAsync(byte[] file)
    {
        await using var parquet = await ParquetReader.CreateAsync(new MemoryStream(file), cancellationToken: Cancellation);
        var fields = parquet.Schema.DataFields;
        Assert.Equal(["timestamp", "slot", "value", "payload"], fields.Select(field => field.Name));
        var rows = new List<Row>();
        foreach (var group in parquet.RowGroups)
        {
            var count = (int)group.RowCount;
            var (times, slots, values, payloads) = (new DateTime[count], new short[count], new double?[count], new string?[count]);
            await group.ReadAsync<DateTime>(fields[0], times, cancellationToken: Cancellation);
            await group.ReadAsync<short>(fields[1], slots, cancellationToken: Cancellation);
            await group.ReadAsync<double>(fields[2], values.AsMemory(), cancellationToken: Cancellation);
            await group.ReadAsync(fields[3], payloads.AsMemory()!, cancellationToken: Cancellation);
            rows.AddRange(Enumerable.Range(0, count).Select(i => new Row(new DateTimeOffset(times[i], TimeSpan.Zero), slots[i], values[i], payloads[i])));
        }

        return rows;
    }

    private sealed record Row(DateTimeOffset Time, short Slot, double? Value, string? Payload)
    {
        // A line of csv or parquet, made of what history says.
        public static Row Of(JsonElement reading)
        {
            var sent = reading.GetProperty("value");
            var number = sent.ValueKind == JsonValueKind.Object ? sent.GetProperty("value") : sent;
            var plain = sent.ValueKind == JsonValueKind.Object && sent.EnumerateObject().Count() == 1;
            return new Row(
                reading.GetProperty("timestamp").GetDateTimeOffset(), reading.GetProperty("slot").GetInt16(),
                number.ValueKind == JsonValueKind.Number ? number.GetDouble() : null, plain ? null : sent.GetRawText());
        }
    }
}
