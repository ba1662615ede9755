using System.Net.Mime;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http.Features;
using MQTTnet.Protocol;

namespace EasySmart.Broker;

/// <summary>The part of EMQX's management API that our services call: who has a session, and an end to one.</summary>
internal static class ManagementApi
{
    private const string Clients = "/api/v5/clients";

    public static void MapManagement(this IEndpointRouteBuilder admin)
    {
        var api = admin.MapGroup(Clients).AddEndpointFilter<ApiKeyFilter>();
        api.MapGet("", List);
        api.MapGet("/{clientid}", Find);
        api.MapDelete("/{clientid}", Kick);
    }

    public static IResult Error(int status, string code, string message) =>
        Results.Json(new ApiError(code, message), ClientJson.Default.ApiError, MediaTypeNames.Application.Json, status);

    private static IResult List(HttpContext context, SessionStore sessions)
    {
        if (!ClientQuery.TryRead(context.Request.Query, out var query, out var problem))
        {
            return Error(StatusCodes.Status400BadRequest, "BAD_REQUEST", problem);
        }

        var (entries, count) = sessions.Find(query);
        var hasNext = (long)query.Page * query.Limit < count;
        return Results.Json(
            new ClientPage([.. entries.Select(e => Pick(e, query.Fields))], new(query.Page, query.Limit, count, hasNext)),
            ClientJson.Default.ClientPage);
    }

    private static IResult Find(HttpContext context, SessionStore sessions) => sessions.Find(ClientId(context)) is { } entry
        ? Results.Json(entry, ClientJson.Default.ClientEntry)
        : NotFound();

    /// <summary>
    /// Ends connection and session, and what waits in it, when it answers; a will is published, delayed or not, for the
    /// session that it belonged to is no more.
    /// </summary>
    private static IResult Kick(HttpContext context, SessionStore sessions, Wills wills)
    {
        var clientId = ClientId(context);
        if (!sessions.Kick(clientId, out var connection, out var will))
        {
            return NotFound();
        }

        connection?.Close(MqttDisconnectReasonCode.AdministrativeAction);
        if (will is not null)
        {
            wills.Publish(will, clientId);
        }

        return Results.NoContent();
    }

    /// <summary>From the request line: the path that routing sees has %2F still encoded and everything else not.</summary>
    private static string ClientId(HttpContext context)
    {
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget.Split('?', 2)[0].TrimEnd('/');
        return Uri.UnescapeDataString(target[(target.LastIndexOf('/') + 1)..]);
    }

    private static IResult NotFound() => Error(StatusCodes.Status404NotFound, "CLIENTID_NOT_FOUND", "Client ID not found");

    private static JsonObject Pick(ClientEntry entry, IReadOnlySet<string>? fields)
    {
        var all = JsonSerializer.SerializeToNode(entry, ClientJson.Default.ClientEntry)!.AsObject();
        foreach (var name in fields is null ? [] : all.Select(p => p.Key).Except(fields).ToArray())
        {
            all.Remove(name);
        }

        return all;
    }
}
