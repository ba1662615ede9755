using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace EasySmart.Broker;

/// <summary>The three doors. A port that was given as 0 is known once Kestrel has bound it.</summary>
internal sealed class Listeners(BrokerOptions options)
{
    private ListenOptions? _tcp;
    private ListenOptions? _webSocket;
    private ListenOptions? _admin;

    public int TcpPort => Port(_tcp);

    public int WebSocketPort => Port(_webSocket);

    public int AdminPort => Port(_admin);

    public void Bind(KestrelServerOptions kestrel)
    {
        var address = IPAddress.Parse(options.BindAddress);
        kestrel.Listen(address, options.TcpPort, listen => (_tcp = listen).UseConnectionHandler<MqttEndpoint>());
        kestrel.Listen(address, options.WebSocketPort, listen => (_webSocket = listen).Protocols = HttpProtocols.Http1);
        kestrel.Listen(address, options.AdminPort, listen =>
        {
            _admin = listen;
            listen.Protocols = HttpProtocols.Http1;
            listen.Use(next => connection =>
            {
                connection.Features.Set(AdminDoor.Instance);
                return next(connection);
            });
        });
    }

    public static bool CameToAdmin(HttpContext context) => context.Features.Get<AdminDoor>() is not null;

    private static int Port(ListenOptions? listen) => listen?.IPEndPoint?.Port ?? 0;

    private sealed class AdminDoor
    {
        public static readonly AdminDoor Instance = new();
    }
}
