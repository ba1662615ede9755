// OpenTelemetry listens to a meter by its name, in the whole process: of two brokers side by side each would report
// what went through both. Outside the tests there is one broker in a process.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
