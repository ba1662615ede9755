using EasySmart.Hosting;

namespace EasySmart.TelemetryQuery.Tests;

public sealed class Conformance(QueryHost host) : ServiceConformance(host);
