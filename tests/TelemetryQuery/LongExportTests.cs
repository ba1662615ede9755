using EasySmart.Hosting;
using Npgsql;

namespace EasySmart.TelemetryQuery.Tests;

/// <summary>Alone: what others hold would be taken for theirs, and what makes them slow for their clients' slowness.</summary>
[CollectionDefinition("Much is sent here", DisableParallelization = true)]
public sealed class MuchIsSent;

/// <summary>Exports that are much longer than what lies between the service and its client, which therefore sets the pace.</summary>
[Collection("Much is sent here")]
public sealed class LongExportTests(QueryHost host)
{
    private const int Count = 200_000;
    private const int TextLength = 480;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private readonly StoredSeries _series = new(host);

    [Theory]
    [InlineData("csv")]
    [InlineData("ndjson")]
    [InlineData("parquet")]
    public async Task What_is_in_memory_stays_bounded_while_a_slow_client_reads(string format)
    {
        await FillAsync();
        using var answer = await BeginAsync(_series.Reader, format);
        await using var body = await answer.Content.ReadAsStreamAsync(Cancellation);
        var (buffer, total, before, most) = (new byte[256 * 1024], 0L, GC.GetTotalMemory(forceFullCollection: true), 0L);
        var (count, reads) = (0, 0);
        while ((count = await body.ReadAsync(buffer, Cancellation)) > 0)
        {
            total += count;
            if (reads++ % 40 == 0)
            {
                // Live bytes of this process, in which the service runs.
                most = Math.Max(most, GC.GetTotalMemory(forceFullCollection: true));
            }
        }

        // In memory the texts alone would be twice their length.
        Assert.True(format == "parquet" || total > (long)Count * TextLength, $"{total:N0} bytes came");
        Assert.True(most - before < Count * (long)TextLength, $"{most - before:N0} bytes more than before were alive");
    }

    [Theory]
    [InlineData("csv")]
    [InlineData("ndjson")]
    [InlineData("parquet")]
    public async Task A_database_that_goes_away_breaks_the_file_off(string format)
    {
        await FillAsync();
        await using var line = Line();
        await using var other = new ChangedHost(Through(line, poolSize: 20));
        await other.InitializeAsync();
        using var answer = await BeginAsync(Client(other), format);
        await using var body = await answer.Content.ReadAsStreamAsync(Cancellation);
        await body.ReadExactlyAsync(new byte[4], Cancellation);
        line.Cut();
        await Assert.ThrowsAnyAsync<IOException>(() => body.CopyToAsync(System.IO.Stream.Null, Cancellation));
    }

    [Fact]
    public async Task A_database_that_is_away_from_the_beginning_is_503()
    {
        await FillAsync();
        await using var line = Line();
        await using var other = new ChangedHost(Through(line, poolSize: 20));
        await other.InitializeAsync();
        line.Cut();
        await Envelope.AssertAsync(
            await Client(other).GetAsync($"/telemetry/export?format=csv&device_id={_series.Device}", Cancellation), 503, "service_unavailable");
    }

    [Fact]
    public async Task No_connection_is_held_while_a_client_reads_and_the_work_ends_when_it_leaves()
    {
        await FillAsync();
        await using var line = Line();
        // One of them listens to what ingestion announces.
        await using var other = new ChangedHost(Through(line, poolSize: 2));
        await other.InitializeAsync();
        using (var answer = await BeginAsync(Client(other), "csv"))
        {
            // It stands still now, with most of the file to come, and others are served by the only connection that is left.
            Assert.NotEqual("{}", await Client(other).GetStringAsync($"/telemetry/latest?slot=0&device_id={_series.Device}", Cancellation));
        }

        Assert.NotEqual("{}", await Client(other).GetStringAsync($"/telemetry/latest?slot=0&device_id={_series.Device}", Cancellation));
    }

    private HttpClient Client(ChangedHost other) => other.As(_series.Tenant, role: "tenant_user", permissions: "telemetry:read");

    private async Task FillAsync()
    {
        await _series.WithDeviceAsync();
        await _series.AddTextAsync(0, StoredSeries.Start, Count, TextLength);
    }

    private async Task<HttpResponseMessage> BeginAsync(HttpClient client, string format)
    {
        var route = $"/telemetry/export?format={format}&device_id={_series.Device}&{StoredSeries.Range(StoredSeries.Start, StoredSeries.Start.AddDays(30))}";
        var answer = await client.GetAsync(route, HttpCompletionOption.ResponseHeadersRead, Cancellation);
        Assert.True(answer.IsSuccessStatusCode);
        return answer;
    }

    private TcpProxy Line()
    {
        var server = new NpgsqlConnectionStringBuilder(host.Database.For("telemetry_query"));
        return new TcpProxy(server.Host!, server.Port);
    }

    private Dictionary<string, string?> Through(TcpProxy line, int poolSize) => new(host.Settings)
    {
        ["ConnectionStrings:Database"] = new NpgsqlConnectionStringBuilder(host.Database.For("telemetry_query"))
        {
            Host = "127.0.0.1",
            Port = line.Port,
            MaxPoolSize = poolSize,
        }.ConnectionString,
    };
}
