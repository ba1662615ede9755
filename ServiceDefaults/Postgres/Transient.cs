using System.Net.Sockets;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace EasySmart.ServiceDefaults.Postgres;

/// <summary>Tells faults that pass (a server that restarts, a deadlock, a full disk) from bugs and bad data.</summary>
public static class Transient
{
    /// <summary>Whether the same work may succeed later without anybody changing it.</summary>
    public static bool Is(Exception? exception) => exception switch
    {
        null => false,
        // 53: out of disk, memory or connections; 57P: the server is stopping or starting; 25006: it is a standby for now.
        PostgresException { SqlState: { } state } postgres => postgres.IsTransient
            || state.StartsWith("53", StringComparison.Ordinal) || state.StartsWith("57P", StringComparison.Ordinal)
            || state.StartsWith("58", StringComparison.Ordinal) || state is "25006" or "40001" or "40P01" or "55P03" or "57014",
        NpgsqlException or SocketException or TimeoutException or IOException => true,
        HttpRequestException { StatusCode: null or >= System.Net.HttpStatusCode.InternalServerError } => true,
        DbUpdateException or InvalidOperationException => Is(exception.InnerException),
        _ => false,
    };
}
