using EasySmart.Hosting;

namespace EasySmart.Notifier.Tests;

public sealed class Conformance(NotifierHost host) : ServiceConformance(host);
