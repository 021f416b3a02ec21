using System.CommandLine;
using McpIdentity.Server.Hosting;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Commands;

/// <summary><c>healthcheck</c>: asks the server on this machine whether it is ready. For images that have no shell and no curl.</summary>
internal static class HealthCheckCommand
{
    public static Command Create() => CommandLine.Verb(
        "healthcheck", "Exits with 0 when the server on this machine is ready, as a container engine asks.", "healthcheck", async (_, settings, cancellationToken) =>
        {
            var problems = new ConfigurationProblems();
            var configuration = Program.Configure(settings, problems).Configuration;
            problems.Find(configuration);
            var endpoint = LocalEndpoint.From(configuration);
            using var http = endpoint.CreateClient(TimeSpan.FromSeconds(4));
            try
            {
                using var response = await http.GetAsync(Paths.Ready, cancellationToken);
                Console.WriteLine(await response.Content.ReadAsStringAsync(cancellationToken));
                return response.IsSuccessStatusCode ? ExitCode.Ok : ExitCode.Failed;
            }
            catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException)
            {
                await Console.Error.WriteLineAsync($"{endpoint} does not answer: {exception.Message}");
                return ExitCode.Failed; // of all codes container engines know this one and 0
            }
        }, onlyHere: $"it asks the server on this machine; another answers at {Paths.Ready}");
}
