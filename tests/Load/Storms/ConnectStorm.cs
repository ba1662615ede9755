using System.Globalization;
using MQTTnet;
using MQTTnet.Exceptions;
using MQTTnet.Formatter;

namespace EasySmart.Load;

/// <summary>The power is back: every device connects, MQTT 3.1.1 with its device id for a client id, and stays.</summary>
internal static class ConnectStorm
{
    private static readonly string[] Programs = ["device-provisioning", "broker"];

    public static async Task<Measurement[]> RunAsync(RunningFleet fleet, LoadDevice[] devices, Options options, CancellationToken cancellation)
    {
        return [
            await OnceAsync("first connects (they make the devices active where these are new)"),
            await OnceAsync("reconnects")];

        async Task<Measurement> OnceAsync(string name)
        {
            var clients = devices.Select(_ => new MqttClientFactory().CreateMqttClient()).ToArray();
            var measured = await Measurement.TakeAsync(
                name, fleet, Programs, devices.Length, options.Concurrency, (i, c) => ConnectAsync(fleet, clients[i], devices[i], c), cancellation);
            await Parallel.ForEachAsync(clients, new ParallelOptions { MaxDegreeOfParallelism = options.Concurrency, CancellationToken = cancellation }, async (client, c) =>
            {
                if (client.IsConnected)
                {
                    await client.DisconnectAsync(cancellationToken: c);
                }

                client.Dispose();
            });
            return measured;
        }
    }

    private static async Task<bool> ConnectAsync(RunningFleet fleet, IMqttClient client, LoadDevice device, CancellationToken cancellation)
    {
        try
        {
            var answer = await client.ConnectAsync(
                new MqttClientOptionsBuilder()
                    .WithTcpServer(fleet["EASYSMART_MQTT_HOST"], int.Parse(fleet["EASYSMART_MQTT_PORT"], CultureInfo.InvariantCulture))
                    .WithProtocolVersion(MqttProtocolVersion.V311)
                    .WithClientId(device.Id)
                    .WithCredentials(device.Id, device.Secret)
                    .WithKeepAlivePeriod(TimeSpan.FromMinutes(5))
                    .WithTimeout(TimeSpan.FromSeconds(30))
                    .Build(),
                cancellation);
            return answer.ResultCode == MqttClientConnectResultCode.Success;
        }
        catch (Exception exception) when (exception is MqttCommunicationException or OperationCanceledException && !cancellation.IsCancellationRequested)
        {
            return false;
        }
    }
}
