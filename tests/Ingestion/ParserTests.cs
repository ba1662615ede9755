using System.Text;
using EasySmart.Ingestion.Parsing;

namespace EasySmart.Ingestion.Tests;

public sealed class ParserTests
{
    private const string Tenant = "0190a6c1-7a53-7c9b-9d3e-1f2a3b4c5d6e";
    private const string Device = "0190a6c1-7a53-7c9b-9d3e-000000000001";
    private static readonly long Now = ReadingTime.Micros(new DateTimeOffset(2026, 2, 15, 12, 0, 0, TimeSpan.Zero));
    private static readonly TimeBounds Bounds = TimeBounds.At(Now, retention: (long)TimeSpan.FromDays(30).TotalMicroseconds);

    [Theory]
    [InlineData("0", 0)]
    [InlineData("7", 7)]
    [InlineData("32767", 32767)]
    public void A_slot_is_read(string text, int slot)
    {
        Assert.Null(TelemetryTopic.Parse($"tenants/{Tenant}/devices/{Device}/telemetry/slot/{text}", out var topic));
        Assert.Equal(new TelemetryTopic(Guid.Parse(Tenant), Guid.Parse(Device), (short)slot), topic);
    }

    [Theory]
    [InlineData("32768")]
    [InlineData("65536")]
    [InlineData("99999")]
    [InlineData("100000")]
    [InlineData("4294967296")]
    [InlineData("-1")]
    [InlineData("+1")]
    [InlineData("")]
    [InlineData("1/2")]
    [InlineData("1 ")]
    [InlineData("one")]
    [InlineData("٣")]
    public void A_slot_out_of_bounds_is_refused_and_names_the_device(string text)
    {
        Assert.Equal(Rejections.BadSlot, TelemetryTopic.Parse($"tenants/{Tenant}/devices/{Device}/telemetry/slot/{text}", out var topic));
        Assert.Equal(Guid.Parse(Device), topic.DeviceId);
    }

    [Theory]
    [InlineData("")]
    [InlineData("tenants")]
    [InlineData($"tenants/{Tenant}")]
    [InlineData($"tenants/{Tenant}/devices/{Device}/telemetry")]
    [InlineData($"tenants/{Tenant}/devices/{Device}/telemetry/other/1")]
    [InlineData($"tenants/{Tenant}/devices/x/telemetry/slot/1")]
    [InlineData($"/tenants/{Tenant}/devices/{Device}/telemetry/slot/1")]
    [InlineData($"tenants/{{{Tenant}}}/devices/{Device}/telemetry/slot/1")]
    public void Another_topic_is_refused(string text) => Assert.Equal(Rejections.BadTopic, TelemetryTopic.Parse(text, out _));

    [Theory]
    [InlineData("""{"value": 23.5}""", 1)]
    [InlineData("""{"value":1e3}""", 1)]
    [InlineData("""{"value":-0.0}""", 1)]
    [InlineData("""{"value":1.10}""", 1)]
    [InlineData("""{"value":0.1}""", 1)]
    [InlineData("""{"value":100000000000000000000}""", 1)]
    [InlineData("""{"value":0.30000000000000004}""", 1)]
    [InlineData("""{"v\u0061lue":1}""", 1)]
    [InlineData("""{"value":0.1234567890123456789}""", 0)]
    [InlineData("""{"value":9007199254740993}""", 0)]
    [InlineData("""{"value":1e400}""", 0)]
    [InlineData("""{"value":1e-400}""", 0)]
    [InlineData("""{"value":"23.5"}""", 0)]
    [InlineData("""{"value":null}""", 0)]
    [InlineData("""{"value":1,"unit":"C"}""", 0)]
    [InlineData("""{"value":1,"value":2}""", 0)]
    [InlineData("""{"VALUE":1}""", 0)]
    [InlineData("""{"value":{"value":1}}""", 0)]
    [InlineData("""[{"value":1}]""", 0)]
    [InlineData("23.5", 0)]
    [InlineData("true", 0)]
    [InlineData("null", 0)]
    [InlineData("{}", 0)]
    [InlineData("\"😀 \\ud83d\\ude00 \\\\u0000\"", 0)]
    [InlineData("""{"value":23.5,"ts":1771156800000}""", 2)]
    [InlineData("""{"ts":1771156800000,"value":23.5}""", 2)]
    [InlineData("""{"value":23.5,"ts":1771156800000.0}""", 0)]
    [InlineData("""{"value":23.5,"ts":"1771156800000"}""", 0)]
    [InlineData("""{"value":23.5,"ts":"2026-02-15T12:00:00Z"}""", 0)]
    [InlineData("""{"value":23.5,"ts":"2026-02-15T13:00:00.000+01:00"}""", 0)]
    [InlineData("""{"value":23.5,"ts":1,"ts":1771156800000}""", 0, true)]
    [InlineData("""{"value":"on","ts":1771156800000}""", 0)]
    [InlineData("""{"value":1,"ts":1771156800000,"unit":"C"}""", 0)]
    public void A_payload_takes_its_form(string json, int form, bool refused = false)
    {
        var reason = PayloadReader.Read(Encoding.UTF8.GetBytes(json), Bounds, out var payload, out _);
        Assert.Equal(refused ? Rejections.TimestampTooOld : null, reason);
        Assert.Equal((PayloadForm)form, payload.Form);
        if (!refused && json.Contains("\"ts\"", StringComparison.Ordinal))
        {
            Assert.Equal(Now, payload.Time);
        }
    }

    [Theory]
    [InlineData("""{"value":23.5}""", 23.5)]
    [InlineData("""{"value":23.5,"ts":1771156800000}""", 23.5)]
    [InlineData("""{"value":1,"unit":"C"}""", 1.0)]
    [InlineData("""{"value":0.1234567890123456789}""", 0.12345678901234568)]
    [InlineData("""{"value":1,"value":2}""", 2.0)]
    [InlineData("""{"value":1,"value":"2"}""", null)]
    [InlineData("""{"value":1,"value":[2]}""", null)]
    [InlineData("""{"value":1,"other":{"value":2},"list":[3]}""", 1.0)]
    [InlineData("23.5", 23.5)]
    [InlineData("""{"value":1e400}""", null)]
    [InlineData("1e400", null)]
    [InlineData("""{"value":1e-400}""", 0.0)]
    [InlineData("""{"value":"23.5"}""", null)]
    [InlineData("""{"value":true}""", null)]
    [InlineData("""{"value":{"value":1}}""", null)]
    [InlineData("""{"reading":1}""", null)]
    [InlineData("[23.5]", null)]
    [InlineData("null", null)]
    public void A_payload_has_a_number_whatever_its_form(string json, double? number)
    {
        Assert.Null(PayloadReader.Read(Encoding.UTF8.GetBytes(json), Bounds, out var payload, out _));
        Assert.Equal(number ?? double.NaN, payload.Value);
    }

    [Theory]
    [InlineData("", Rejections.BadJson)]
    [InlineData("{", Rejections.BadJson)]
    [InlineData("{} {}", Rejections.BadJson)]
    [InlineData("{'value':1}", Rejections.BadJson)]
    [InlineData("""{"value":NaN}""", Rejections.BadJson)]
    [InlineData("""{"value":01}""", Rejections.BadJson)]
    [InlineData("""{"value":1,}""", Rejections.BadJson)]
    [InlineData("[1]//", Rejections.BadJson)]
    [InlineData("\"\\u0000\"", Rejections.BadText)]
    [InlineData("{\"a\\u0000\":1}", Rejections.BadText)]
    [InlineData("\"\\ud800\"", Rejections.BadText)]
    [InlineData("\"\\ude00\\ud83d\"", Rejections.BadText)]
    [InlineData("\"\\ud83dx\"", Rejections.BadText)]
    [InlineData("[[\"\\udfff\"]]", Rejections.BadText)]
    [InlineData("1e200000", Rejections.NumberOutOfRange)]
    [InlineData("1e-20000", Rejections.NumberOutOfRange)]
    [InlineData("[1e131072]", Rejections.NumberOutOfRange)]
    [InlineData("1e99999999999999999999", Rejections.NumberOutOfRange)]
    [InlineData("[1e131000,1e131000,1e131000]", Rejections.NumberOutOfRange)]
    [InlineData("""{"ts":true}""", Rejections.BadTimestamp)]
    [InlineData("""{"ts":{}}""", Rejections.BadTimestamp)]
    [InlineData("""{"ts":"soon"}""", Rejections.BadTimestamp)]
    [InlineData("""{"ts":"2026-02-15T12:00:00"}""", Rejections.BadTimestamp)]
    [InlineData("""{"ts":"2026-02-15"}""", Rejections.BadTimestamp)]
    [InlineData("""{"ts":0}""", Rejections.TimestampTooOld)]
    [InlineData("""{"ts":1768564799999}""", Rejections.TimestampTooOld)]
    [InlineData("""{"ts":1771157100001}""", Rejections.TimestampInFuture)]
    [InlineData("""{"ts":1e300}""", Rejections.BadTimestamp)]
    [InlineData("""{"ts":9223372036854775807}""", Rejections.BadTimestamp)]
    public void A_payload_is_refused(string json, string reason) =>
        Assert.Equal(reason, PayloadReader.Read(Encoding.UTF8.GetBytes(json), Bounds, out _, out _));

    [Theory]
    [InlineData("""[{"ts":1771156800000,"value":1}]""", """{"ts":1771156800000,"value":1}""")]
    [InlineData(""" [ {"value":1,"ts":1} ,{"ts":"soon","value":[{}],"unit":"C"} ] """, """{"value":1,"ts":1}""", """{"ts":"soon","value":[{}],"unit":"C"}""")]
    [InlineData("[]")]
    [InlineData("[1,2]")]
    [InlineData("""[{"ts":1771156800000,"value":1},{"value":2}]""")]
    [InlineData("""[{"ts":1771156800000,"value":1},2]""")]
    [InlineData("""[{"ts":1771156800000,"value":1},[]]""")]
    [InlineData("""[{"a":{"ts":1,"value":2}}]""")]
    [InlineData("""[[{"ts":1771156800000,"value":1}]]""")]
    [InlineData("""{"ts":1771156800000,"value":[{"ts":1,"value":1}]}""")]
    public void An_array_of_readings_is_told_from_any_other_json(string json, params string[] parts)
    {
        var bytes = Encoding.UTF8.GetBytes(json);
        Assert.Null(PayloadReader.Read(bytes, Bounds, out var whole, out var found));
        Assert.Equal(parts, found?.Select(range => Encoding.UTF8.GetString(bytes[range])) ?? []);
        Assert.True(parts.Length == 0 || whole.Form == PayloadForm.Json);
    }

    [Fact]
    public void Bounds_of_size_depth_encoding_and_clock()
    {
        Assert.Null(PayloadReader.Read(Encoding.UTF8.GetBytes($"\"{new string('x', 65_534)}\""), Bounds, out _, out _));
        Assert.Equal(Rejections.TooLarge, PayloadReader.Read(Encoding.UTF8.GetBytes($"\"{new string('x', 65_535)}\""), Bounds, out _, out _));
        Assert.Null(PayloadReader.Read(Encoding.UTF8.GetBytes(new string('[', 256) + new string(']', 256)), Bounds, out _, out _));
        Assert.Equal(Rejections.TooDeep, PayloadReader.Read(Encoding.UTF8.GetBytes(new string('[', 257) + new string(']', 257)), Bounds, out _, out _));
        Assert.Equal(Rejections.TooDeep, PayloadReader.Read(Encoding.UTF8.GetBytes(new string('[', 30_000)), Bounds, out _, out _));
        Assert.Equal(Rejections.BadJson, PayloadReader.Read(Encoding.UTF8.GetBytes(new string('[', 256) + "x"), Bounds, out _, out _));
        Assert.Equal(Rejections.InvalidUtf8, PayloadReader.Read([(byte)'"', 0xC3, (byte)'"'], Bounds, out _, out _));
        Assert.Equal(Rejections.InvalidUtf8, PayloadReader.Read([(byte)'"', 0xED, 0xA0, 0x80, (byte)'"'], Bounds, out _, out _));
        Assert.Null(PayloadReader.Read("""{"ts":1771157100000}"""u8, Bounds, out var ahead, out _));
        Assert.Equal(Now + 300_000_000, ahead.Time);
        Assert.Null(PayloadReader.Read("""{"ts":"2026-02-15T11:59:59.123456Z"}"""u8, Bounds, out var fine, out _));
        Assert.Equal(Now - 876_544, fine.Time);
        Assert.Null(PayloadReader.Read("""{"ts":null,"value":1}"""u8, Bounds, out var none, out _));
        Assert.Null(none.Time);
    }

    [Fact]
    public void Every_arrival_has_a_microsecond_of_its_own()
    {
        var clock = new ArrivalClock(new Microsoft.Extensions.Time.Testing.FakeTimeProvider());
        var times = new long[40_000];
        Parallel.For(0, times.Length, i => times[i] = clock.Next());
        Assert.Equal(times.Length, times.Distinct().Count());
    }
}
