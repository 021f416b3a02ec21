using McpIdentity.Mcp.Audit;
using McpIdentity.Server.Authorization;
using McpIdentity.Server.Clients;
using McpIdentity.Server.Pages;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Sessions;
using Microsoft.AspNetCore.Authentication;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Connections;

/// <summary>People's own accounts at servers behind this one: how they are connected, kept and ended.</summary>
internal static partial class ConnectionsSetup
{
    public static void AddConnections(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<ConnectableServers>();
        builder.Services.AddSingleton<AuthorityHttp>();
        builder.Services.AddSingleton<ResourceDiscovery>();
        builder.Services.AddSingleton<Authorities>();
        builder.Services.AddSingleton<RegistrationEndpoint>();
        builder.Services.AddSingleton<OwnClients>();
        builder.Services.AddSingleton<TokenEndpoint>();
        builder.Services.AddSingleton<Vault>();
        builder.Services.AddSingleton<FreshTokens>();
        builder.Services.AddSingleton<ConnectionLinks>();
        builder.Services.AddScoped<Connecting>();
        builder.Services.AddScoped<OwnConnections>();
        builder.Services.AddHostedService<ConnectionsFeed>();
    }

    public static void MapConnections(this WebApplication app)
    {
        app.Map(Paths.ClientDocuments + "/{name}.json", (string name, ConnectableServers servers, OwnClients clients) => servers.Find(name) is { Upstream.ClientId: null or "" } server
            ? Results.Json(clients.DocumentOf(server)) : Results.NotFound())
            .WithAddress(new AddressAttribute(Reader.Programs, "GET HEAD") { Cors = true, Bucket = "oauth" });
        app.Map(Paths.ConnectionCallback + "/{server}", ReceiveAsync).WithAddress(new AddressAttribute(Reader.People, "GET HEAD") { Bucket = "callback", TakesForms = true, KeepsOpener = true });
    }

    private static async Task<IResult> ReceiveAsync(
        HttpContext http, string server, Connecting connecting, AuthorizationTickets tickets, KnownClients known, SecurityLog log, ILogger<Connecting> logger)
    {
        if (SignedInPerson.From((await http.AuthenticateAsync(SessionsSetup.Scheme)).Principal) is not { } person ||
            await connecting.EndAsync(server, http.Request.Query, person, http.RequestAborted) is not var (there, request, problem))
        {
            return Show(http, NotOfThisBrowser);
        }

        log.Write(http, (problem is null ? SecurityEvent.Success("account_connected") : SecurityEvent.Warning("account_connected", problem == Errors.AccessDenied ? "declined" : "failed")) with
        {
            Subject = person.UserId,
            SessionId = person.SessionId,
            Server = there.Name,
        });
        if (problem is null)
        {
            if (tickets.Read(request) is not { } pending)
            {
                return Results.Redirect($"{Paths.Connections}/{there.Name}");
            }

            // The last page before the app has its answer: it may be left where it is.
            await Ending.Allowed(AuthorizeEndpoint.AddressAfterAccount(pending, isLater: false, tickets), pending.RedirectUri, known).WriteAsync(http);
            return Results.Empty;
        }

        NotConnected(logger, there.Name, ForeignText.Clean(problem, 300), ReferenceId.For(http));
        return request is null && problem != Errors.AccessDenied ? Show(http, Refused(there)) : Results.Redirect(ConnectModel.AddressAfterFailure(there.Name, request, problem, http));
    }

    private static IResult Show(HttpContext http, PersonError error)
    {
        http.Features.Set(error);
        return Results.StatusCode(error.Status);
    }

    private static readonly PersonError NotOfThisBrowser = new(
        "invalid_request", $"This answer is not expected", $"It belongs to an attempt of another browser or of another person, or it was used already, or it is older than ten minutes.",
        $"Open the link in your app once more and begin again.");

    /// <summary>Nothing could be connected.</summary>
    public static PersonError Refused(ConnectableServer server) => new(
        "access_denied", $"Your account at {server.DisplayName} was not connected",
        $"{server.DisplayName}, or the place where you have your account, did not give what is needed.",
        $"Try again. If it stays so, give the reference below to whoever runs this server.");

    [LoggerMessage(5043, LogLevel.Warning, "A person's account at the MCP server '{Server}' was not connected: {Why}. Reference: {Reference}")]
    public static partial void NotConnected(ILogger logger, string server, string why, string reference);
}
