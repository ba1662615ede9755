using EasySmart.Load;

if (args is not ["connect-storm" or "authenticate", ..] || Options.Read(args[1..]) is not { } options)
{
    Console.Error.WriteLine(
        """
        Puts load on the fleet that deploy/local/up runs here, and writes a report to tests/Load/reports.

          connect-storm   all devices connect at once, twice: the first time makes them active
          authenticate    the broker's question about each device, over and over, without a broker

          --devices N       devices, made through the gateway unless an earlier run made them (5000)
          --concurrency N   connects or questions at a time (200)
          --requests N      questions that `authenticate` asks (50000)
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
var devices = await Devices.GetAsync(fleet, options.Devices, stop.Token);
Measurement[] measured = args[0] == "connect-storm"
    ? await ConnectStorm.RunAsync(fleet, devices, options, stop.Token)
    : await AuthenticateStorm.RunAsync(fleet, devices, options, stop.Token);
Console.WriteLine($"Report: {await Report.WriteAsync(args[0], options, measured, stop.Token)}");
return measured.All(one => one.Failed == 0) ? 0 : 1;
