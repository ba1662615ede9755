namespace EasySmart.Gateway;

/// <summary>Where the services are: <c>services:{name}:http:0</c>, as Aspire and the local fleet set it.</summary>
internal sealed class Services
{
    internal const string Identity = "identity";
    internal const string DeviceProvisioning = "device-provisioning";
    internal const string Ingestion = "ingestion";
    internal const string TelemetryQuery = "telemetry-query";
    internal const string BillingQuota = "billing-quota";

    private static readonly string[] Names = [Identity, DeviceProvisioning, Ingestion, TelemetryQuery, BillingQuota];
    private readonly Dictionary<string, string> _addresses = [];

    /// <summary>Reads all of them and, so that one start tells everything, names every key that is missing or wrong.</summary>
    public Services(IConfiguration configuration)
    {
        var wrong = new List<string>();
        foreach (var name in Names)
        {
            var key = $"services:{name}:http:0";
            if (Uri.TryCreate(configuration[key], UriKind.Absolute, out var address)
                && address is { Scheme: "http" or "https", PathAndQuery: "/" })
            {
                _addresses[name] = address.GetLeftPart(UriPartial.Authority);
            }
            else
            {
                wrong.Add(key);
            }
        }

        if (wrong.Count > 0)
        {
            throw new InvalidOperationException($"{string.Join(", ", wrong)}: needs the service's base URL, such as http://localhost:8101");
        }
    }

    /// <summary>The service's base URL, without a slash at the end.</summary>
    public string AddressOf(string service) => _addresses[service];
}
