using System.CommandLine;
using McpIdentity.Server.Hosting;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Commands;

/// <summary><c>healthcheck</c>: asks the server on this machine whether it is ready. For images that have no shell and no curl.</summary>
internal static class HealthCheckCommand
{
    public static Command Create() => CommandLine.Verb(
        "healthcheck", "Exits with 0 when the server on this machine is ready, as a container engine asks.", async (_, settings, cancellationToken) =>
        {
            var address = Listening.LocalAddress(Program.Configure(settings, new ConfigurationProblems()).Configuration);
            using var http = new HttpClient(new SocketsHttpHandler
            {
                // The name in the certificate is the public one, and nothing secret is sent.
                SslOptions = { RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null },
            })
            {
                Timeout = TimeSpan.FromSeconds(4),
            };
            try
            {
                using var response = await http.GetAsync(new Uri(address, Paths.Ready), cancellationToken);
                Console.WriteLine(await response.Content.ReadAsStringAsync(cancellationToken));
                return response.IsSuccessStatusCode ? 0 : 1;
            }
            catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException)
            {
                await Console.Error.WriteLineAsync($"{address} does not answer: {exception.Message}");
                return 1;
            }
        });
}
