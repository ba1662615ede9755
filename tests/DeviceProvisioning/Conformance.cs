using EasySmart.Hosting;

namespace EasySmart.DeviceProvisioning.Tests;

public sealed class Conformance(DevicesHost host) : ServiceConformance(host);
