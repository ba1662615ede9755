using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;

namespace EasySmart.Gateway;

/// <summary>
/// Section <c>Connections</c>: what one connection may cost before there is a request. Kestrel keeps these limits itself and answers with a
/// bare status and <c>Connection: close</c> (400, 408 headers too slow, 414 request line, 431 headers), before any code of ours could
/// write an envelope; the contract's statuses begin where a request does. A body that comes too slowly is 400 in the envelope.
/// </summary>
internal sealed record ConnectionOptions
{
    /// <summary>Connections open at once; the next is closed unanswered. 0 is no limit.</summary>
    [Range(0, 1_000_000, ErrorMessage = "Connections:Most is from 0 to 1000000")]
    public int Most { get; init; } = 20_000;

    /// <summary>Seconds that an idle connection is kept. Balancers reuse theirs for a minute: shorter here, and one would be closed under a request.</summary>
    [Range(1, 3600, ErrorMessage = "Connections:KeepAliveSeconds is from 1 to 3600")]
    public int KeepAliveSeconds { get; init; } = 130;

    /// <summary>Seconds in which a request's headers have to arrive.</summary>
    [Range(1, 300, ErrorMessage = "Connections:HeaderSeconds is from 1 to 300")]
    public int HeaderSeconds { get; init; } = 15;

    /// <summary>Bytes of the request line, the path and query in it.</summary>
    [Range(1024, 65_536, ErrorMessage = "Connections:RequestLineBytes is from 1024 to 65536")]
    public int RequestLineBytes { get; init; } = 8 * 1024;

    /// <summary>Bytes of all headers together. An access token with every permission takes 1 KiB.</summary>
    [Range(2048, 262_144, ErrorMessage = "Connections:HeaderBytes is from 2048 to 262144")]
    public int HeaderBytes { get; init; } = 24 * 1024;

    /// <summary>How many headers.</summary>
    [Range(20, 1000, ErrorMessage = "Connections:Headers is from 20 to 1000")]
    public int Headers { get; init; } = 80;

    /// <summary>Bytes per second below which a body or its reader is too slow: what a device on 2G manages in bad weather.</summary>
    [Range(1, 1_000_000, ErrorMessage = "Connections:BytesPerSecond is from 1 to 1000000")]
    public int BytesPerSecond { get; init; } = 240;

    /// <summary>Seconds before that rate is asked for.</summary>
    [Range(2, 300, ErrorMessage = "Connections:GraceSeconds is from 2 to 300")]
    public int GraceSeconds { get; init; } = 5;
}

/// <summary>Hands the limits of <see cref="ConnectionOptions"/> to Kestrel.</summary>
internal static class Connections
{
    internal static void AddConnectionLimits(this WebApplicationBuilder builder)
    {
        builder.Services.AddOptions<ConnectionOptions>().BindConfiguration("Connections").ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddOptions<KestrelServerOptions>().Configure<IOptions<ConnectionOptions>>((kestrel, options) =>
        {
            var (connections, limits) = (options.Value, kestrel.Limits);
            limits.MaxConcurrentConnections = connections.Most == 0 ? null : connections.Most;
            limits.KeepAliveTimeout = TimeSpan.FromSeconds(connections.KeepAliveSeconds);
            limits.RequestHeadersTimeout = TimeSpan.FromSeconds(connections.HeaderSeconds);
            limits.MaxRequestLineSize = connections.RequestLineBytes;
            limits.MaxRequestHeadersTotalSize = connections.HeaderBytes;
            limits.MaxRequestHeaderCount = connections.Headers;
            var slowest = new MinDataRate(connections.BytesPerSecond, TimeSpan.FromSeconds(connections.GraceSeconds));
            (limits.MinRequestBodyDataRate, limits.MinResponseDataRate) = (slowest, slowest);
        });
    }
}
