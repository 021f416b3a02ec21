using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.WebUtilities;

namespace McpIdentity.Tests.Administration;

/// <summary>
/// A client that openapi-typescript makes of <c>docs/admin-api.json</c> calls every operation: by paths, parameters and bodies that have the
/// document's types, as the compiler of TypeScript finds, and is answered as the document says.
/// </summary>
[Category("Node"), Category("Administration")]
[Parallelizable(ParallelScope.Self)]
internal sealed class GeneratedClientTests
{
    private const string Head = """
        import createClient from 'openapi-fetch';
        import type { components, paths } from './admin-api.d.ts';

        const [baseUrl, token] = process.argv.slice(2);
        const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });
        const wrong: string[] = [];

        async function done(id: string, status: number, call: Promise<{ error?: components['schemas']['Problem']; response: Response }>) {
          const { error, response } = await call;
          if (response.status !== status) wrong.push(`${id}: ${response.status} ${error?.detail}`);
        }

        const refused = await createClient<paths>({ baseUrl }).GET('/me');
        if (refused.error?.status !== 401 || refused.data !== undefined) wrong.push('nobody: ' + JSON.stringify(refused));
        const me = await client.GET('/me');
        if (!me.data?.rights.includes('write_roles')) wrong.push('me: ' + JSON.stringify(me));

        """;

    private const string Settings = """
        { "compilerOptions": { "strict": true, "noEmit": true, "module": "nodenext", "target": "es2024", "lib": ["es2024", "dom"], "types": [], "allowImportingTsExtensions": true, "skipLibCheck": true }, "files": ["calls.ts", "process.d.ts"] }
        """;

    [Test]
    public async Task A_client_that_is_made_of_the_document_calls_every_operation()
    {
        var folder = Directory.CreateTempSubdirectory("mcpidentity-admin-client-");
        try
        {
            var generated = NodeAsync(folder, NodePackages.PathOf("openapi-typescript", "bin", "cli.js"), Repository.PathOf("docs", "admin-api.json"), "--default-non-nullable=false", "-o", "admin-api.d.ts");
            await using var scene = await AdminScene.StartAsync();
            var owner = await scene.ClientAsync();
            Directory.CreateSymbolicLink(Path.Combine(folder.FullName, "node_modules"), NodePackages.PathOf());
            await WriteAsync("package.json", """{ "type": "module" }""");
            await WriteAsync("tsconfig.json", Settings);
            await WriteAsync("process.d.ts", "declare const process: { argv: string[] };");
            await WriteAsync("calls.ts", await CallsAsync(scene));
            await generated;

            var compiled = NodeAsync(folder, NodePackages.PathOf("typescript", "bin", "tsc"), "-p", ".");
            var said = await NodeAsync(folder, "calls.ts", scene.Resource, owner.Token!);
            await compiled;

            Assert.That(said.Trim(), Is.EqualTo("[]"));

            Task WriteAsync(string name, string text) => File.WriteAllTextAsync(Path.Combine(folder.FullName, name), text);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    // client.POST('/clients/{client_id}/disable', { params: { path: { client_id: "seed" } }, body: { "revoke": true } })
    private static async Task<string> CallsAsync(AdminScene scene)
    {
        var calls = new StringBuilder(Head);
        foreach (var operation in new ApiDocument().Operations)
        {
            var address = (await AdminSeeds.PathForAsync(scene, operation)).Split('?', 2);
            var pattern = $"^{Regex.Replace(operation.Path, @"\{([a-z_]+)\}", "(?<$1>[^/]+)")}$";
            var parts = Regex.Match(address[0], pattern).Groups.Values.Where(group => !char.IsAsciiDigit(group.Name[0])).ToDictionary(group => group.Name, group => group.Value);
            var query = address.Length > 1 ? QueryHelpers.ParseQuery(address[1]).ToDictionary(one => one.Key, one => one.Value.ToString()) : [];
            var parameters = JsonSerializer.Serialize(new[] { ("path", parts), ("query", query) }.Where(kind => kind.Item2.Count > 0).ToDictionary(kind => kind.Item1, kind => kind.Item2));
            var body = await AdminSeeds.BodyForAsync(scene, operation) is { } json ? $", body: {json}" : "";
            // What is no JSON is read as text; there is nothing to read of an answer without a body.
            var reads = operation.Id.StartsWith("export_", StringComparison.Ordinal) ? ", parseAs: 'text'" : "";
            calls.AppendLine(CultureInfo.InvariantCulture, $"await done('{operation.Id}', {operation.Success}, client.{operation.Method}('{operation.Path}', {{ params: {parameters}{body}{reads} }}));");
        }

        return calls.AppendLine("console.log(JSON.stringify(wrong));").ToString();
    }

    private static async Task<string> NodeAsync(DirectoryInfo folder, params string[] arguments)
    {
        await using var node = ChildProcess.Start(NodePackages.Node22, ["--disable-warning=ExperimentalWarning", .. arguments], folder.FullName);
        return await node.WaitForExitAsync() == 0 ? node.Output : throw new InvalidOperationException($"{arguments[0]} failed:\n{node.Output}");
    }
}
