using EasySmart.Hosting;

namespace EasySmart.ServiceDefaults.Tests;

[Collection("RabbitMQ is cut off here")]
public sealed class SampleConformance(SampleService sample) : ServiceConformance(sample);
