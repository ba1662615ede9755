using EasySmart.Hosting;
using Npgsql;

namespace EasySmart.Fleet.Tests.Ingestion;

/// <summary>The disk of the readings is full, until somebody makes room: a database of the test's own on a disk of 128 MiB, which it fills.</summary>
[Collection("Servers are killed here")]
public sealed class FullDiskTests(ITestOutputHelper output)
{
    private const string DiskFull = "53100";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_finds_no_room_waits_until_there_is_some()
    {
        await using var disk = await SmallDisk.PrepareAsync();
        await using var sink = Sink.Of(disk.Database);
        await using var broker = await PersistentBroker.StartAsync();
        await using var ingestion = await PersistentBroker.IngestionAsync(
            1,
            shared: false,
            ("ConnectionStrings__Database", disk.Database.For("ingestion_app")),
            ("ConnectionStrings__DatabaseSystem", disk.Database.For("ingestion_system")),
            // The events of the fleet's devices are for the fleet's ingestion; this one asks for them.
            ("ConnectionStrings__RabbitMq", "amqp://nobody:nothing@127.0.0.1:1/none"),
            // Nor would it hear that the tenant's limit was taken away, if it had asked BillingQuota just before.
            ("services__billing-quota__http__0", ""));
        await using var traffic = await Traffic.StartAsync(sink, PersistentBroker.Port);
        await traffic.StoredMoreAsync(500);
        await disk.FillAsync();
        await Eventually.TrueAsync(() => Task.FromResult(ingestion.Said.Contains($"{DiskFull}: ", StringComparison.Ordinal)), seconds: 120);
        await traffic.AcknowledgedMoreAsync(500);
        await disk.MakeRoomAsync();
        await traffic.StoredMoreAsync(2000);
        await traffic.EndsExactAsync();
        output.WriteLine($"{traffic.Acknowledged} acknowledged; {ingestion.Said.Split('\n').First(line => line.Contains($"{DiskFull}: ", StringComparison.Ordinal)).Trim()}");
    }

    /// <summary>The disk that <c>deploy/local/test</c> gives the telemetry server beside its own, with a database of ingestion's on it.</summary>
    private sealed class SmallDisk : IAsyncDisposable
    {
        private readonly NpgsqlDataSource _server = NpgsqlDataSource.Create(TestServers.Telemetry);
        private NpgsqlDataSource _inside = null!;
        // Opened while there is room: without, the server may refuse another ("could not write init file"), and 53100 breaks those that are.
        private NpgsqlConnection _kept = null!;

        public TestDatabase Database { get; private set; } = null!;

        public static async Task<SmallDisk> PrepareAsync()
        {
            var disk = new SmallDisk();
            await disk.OnServerAsync("CREATE TABLESPACE small LOCATION '/run/small'");
            disk.Database = await TestDatabase.CreateAsync(TestServers.Telemetry, "telemetry_owner", tablespace: "small");
            await Fleet.CommandAsync("ingestion", "migrate", ("ConnectionStrings__DatabaseOwner", disk.Database.For("telemetry_owner")));
            disk._inside = NpgsqlDataSource.Create(disk.Database.ForSuperuser());
            disk._kept = await disk._inside.OpenConnectionAsync(Cancellation);
            return disk;
        }

        /// <summary>To the last page.</summary>
        public async Task FillAsync()
        {
            await InsideAsync("CREATE TABLE filler (page text STORAGE PLAIN) WITH (autovacuum_enabled = false)");
            foreach (var pages in new[] { 1000, 100, 10, 1 })
            {
                while (await TryExecuteAsync($"INSERT INTO filler SELECT repeat('x', 8000) FROM generate_series(1, {pages})"))
                {
                }
            }
        }

        public async Task MakeRoomAsync()
        {
            await using var drop = new NpgsqlCommand("DROP TABLE filler", _kept);
            await drop.ExecuteNonQueryAsync(Cancellation);
        }

        public async ValueTask DisposeAsync()
        {
            await _kept.DisposeAsync();
            await _inside.DisposeAsync();
            await Database.DisposeAsync();
            await OnServerAsync("DROP TABLESPACE small");
            await _server.DisposeAsync();
        }

        private async Task<bool> TryExecuteAsync(string sql)
        {
            try
            {
                await InsideAsync(sql);
                return true;
            }
            catch (PostgresException exception) when (exception.SqlState == DiskFull)
            {
                return false;
            }
        }

        private async Task InsideAsync(string sql)
        {
            await using var command = _inside.CreateCommand(sql);
            await command.ExecuteNonQueryAsync(Cancellation);
        }

        private async Task OnServerAsync(string sql)
        {
            await using var command = _server.CreateCommand(sql);
            await command.ExecuteNonQueryAsync(CancellationToken.None);
        }
    }
}
