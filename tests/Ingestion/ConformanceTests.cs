using EasySmart.Hosting;

namespace EasySmart.Ingestion.Tests;

public sealed class ConformanceTests(IngestionHost host) : ServiceConformance(host);
