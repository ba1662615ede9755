using EasySmart.Hosting;

namespace EasySmart.Identity.Tests;

public sealed class ConformanceTests(IdentityHost host) : ServiceConformance(host);
