using System.Net;
using Microsoft.Extensions.Configuration;

namespace EasySmart.ServiceDefaults;

/// <summary>A list of networks in the configuration: <c>{key}:0 = 10.0.0.0/8</c>, <c>{key}:1 = 2001:db8::7</c> (a single address), …</summary>
public sealed class Networks
{
    private readonly IPNetwork[] _networks;

    private Networks(IPNetwork[] networks) => _networks = networks;

    /// <summary>Whether there is any.</summary>
    public bool IsEmpty => _networks.Length == 0;

    /// <summary>The networks, in the order in which they were listed.</summary>
    public IReadOnlyList<IPNetwork> All => _networks;

    /// <summary>Reads the list at <paramref name="key"/>; <paramref name="defaults"/> hold where it has no entry.</summary>
    /// <param name="configuration">The application's.</param>
    /// <param name="key">The list's key, such as <c>Metrics:Networks</c>.</param>
    /// <param name="defaults">Networks in the same notation.</param>
    /// <exception cref="InvalidOperationException">An entry is neither a network nor an address; the message names its key.</exception>
    public static Networks Read(IConfiguration configuration, string key, params string[] defaults)
    {
        var section = configuration.GetSection(key);
        if (!string.IsNullOrEmpty(section.Value))
        {
            // Read as an empty list it would silently be no list at all.
            throw new InvalidOperationException($"{key} is a list: set {key}:0, {key}:1, …");
        }

        var entries = section.GetChildren().Select(child => (child.Path, child.Value)).ToArray();
        return new Networks([.. (entries.Length > 0 ? entries : defaults.Select(text => (key, (string?)text))).Select(entry => Parse(entry.Item1, entry.Item2))]);
    }

    /// <summary>Whether <paramref name="address"/> is in one of them. An IPv4 address is the same whether or not it comes mapped into IPv6.</summary>
    public bool Contains(IPAddress? address)
    {
        var plain = address is { IsIPv4MappedToIPv6: true } ? address.MapToIPv4() : address;
        return plain is not null && Array.Exists(_networks, network => network.Contains(plain));
    }

    private static IPNetwork Parse(string key, string? text)
    {
        if (IPNetwork.TryParse(text, out var network))
        {
            return network;
        }

        // "10" alone would be read as 0.0.0.10.
        return text is not null && text.AsSpan().ContainsAny('.', ':') && !text.Contains('/', StringComparison.Ordinal) && IPAddress.TryParse(text, out var address)
            ? new IPNetwork(address, address.GetAddressBytes().Length * 8)
            : throw new InvalidOperationException($"{key} needs a network such as 10.0.0.0/8 (no bit set beyond the prefix) or an address, and is '{text}'");
    }
}
