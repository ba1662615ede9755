using EasySmart.Load;

// The storms are of many devices; a stream of telemetry needs no more than keep the machine busy.
var (devices, concurrency) = args is ["telemetry" or "memory", ..] ? (200, 64) : args is ["queries", ..] ? (100, 1) : (5000, 200);
if (args is not ["connect-storm" or "authenticate" or "telemetry" or "memory" or "queries", ..]
    || Options.Read(args[1..], new Options { Devices = devices, Concurrency = concurrency, Report = args[0] }) is not { } options)
{
    Console.Error.WriteLine(
        """
        Puts load on the fleet that deploy/local/up runs here, and writes a report to tests/Load/reports.

          connect-storm   all devices connect at once, twice: the first time makes them active
          authenticate    the broker's question about each device, over and over, without a broker
          telemetry       in turns, several times: (a) the broker alone, ingestion halted and its place taken by a subscriber that
                          only counts; (b) the whole path to committed rows; (c) COPY of the same rows alone. It checks that every
                          acknowledged reading is stored exactly once. Then, at half of b, how long it takes until `latest`
                          shows a value; and POST /telemetry through a gateway, in turns with one behind which nothing is done.
                          Its readings are removed from the table at the end

          memory          ingestion's resident memory: idle, then with many devices and tenants in its replicas, then also as fast
                          as it goes, then for minutes at a steady rate

          queries         what a year of readings answers: puts it there by COPY and has it rolled up, unless an earlier run did; then
                          calls, exports and their memory, plans, what queries cost who publishes, and how late the stream is

          --devices N       devices, made through the gateway unless an earlier run made them (5000; telemetry, memory: 200; queries: 100)
          --concurrency N   connects, questions or webhook requests at a time (200; telemetry: 64)
          --requests N      questions that `authenticate` asks (50000)

          --report NAME     the report's name (the command's)

          of telemetry, memory and queries:
          --rate N          messages a second of all devices together, 0 = as fast as it goes (0; memory: 5000)
          --qos N           0 or 1 (1)
          --payload SHAPE   value | value-ts | object | series, an array of ten values with their times (value)
          --slots N         slots of each device, used in turn (4)
          --in-flight N     messages of each device that may be unacknowledged (1, as most firmware has it; 20 to see the limits of
                            broker and ingestion, since publishers cost little then)
          --seconds N       how long the devices of a round publish (15)
          --rounds N        rounds of each kind (5)

          of memory:
          --registered N    devices that are only known (50000)
          --tenants N       tenants that they belong to (1000)
          --minutes N       how long the steady run is (10)

          of queries:
          --rows N          readings in the past (100000000)
          --days N          how long the past is (365)
          --publishers N    devices of other tenants that publish meanwhile (200)
        """);
    return 2;
}

using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, key) =>
{
    key.Cancel = true;
    stop.Cancel();
};
var fleet = RunningFleet.Find();
var publishers = args[0] switch { "telemetry" => options.Devices + Latency.Probes, "queries" => options.Publishers, _ => options.Devices };
var all = await Devices.GetAsync(fleet, publishers, stop.Token);
var report = new Report(options.Report, args);
switch (args[0])
{
    case "telemetry":
        var run = await TelemetryRun.RunAsync(fleet, all, options, stop.Token);
        Console.WriteLine($"Report: {await report.WriteAsync(new { options, run }, TelemetryReport.Of(options, run), stop.Token)}");
        return run.Rounds.All(round => round.Missing == 0 && round.Doubled == 0) && run.Webhook.Missing <= 0 ? 0 : 1;
    case "memory":
        var memory = await MemoryRun.RunAsync(fleet, all, options, stop.Token);
        Console.WriteLine($"Report: {await report.WriteAsync(new { options, memory }, MemoryReport.Of(options, memory), stop.Token)}");
        return memory.Missing == 0 ? 0 : 1;
    case "queries":
        var queries = await QueryRun.RunAsync(fleet, all, options, stop.Token);
        Console.WriteLine($"Report: {await report.WriteAsync(new { options, queries }, QueryReport.Of(options, queries), stop.Token)}");
        return queries.Stream.Told == queries.Stream.Published ? 0 : 1;
    default:
        var measured = args[0] == "connect-storm"
            ? await ConnectStorm.RunAsync(fleet, all, options, stop.Token)
            : await AuthenticateStorm.RunAsync(fleet, all, options, stop.Token);
        Console.WriteLine($"Report: {await report.WriteAsync(new { options, measured }, StormReport.Of(options, measured), stop.Token)}");
        return measured.All(one => one.Failed == 0) ? 0 : 1;
}
