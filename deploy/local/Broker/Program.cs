using EasySmart.Broker;

await using var broker = BrokerHost.Build(args);
await broker.RunAsync();
