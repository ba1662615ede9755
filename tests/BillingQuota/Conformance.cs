using EasySmart.Hosting;

namespace EasySmart.BillingQuota.Tests;

public sealed class Conformance(BillingHost host) : ServiceConformance(host);
