using System.Reflection;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Administration.Api;
using McpIdentity.Server.Protocol;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Administration;

/// <summary>What <c>docs/admin-api.json</c> says is what is served.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class AdminApiDocumentTests
{
    /// <summary>Writes the document again, as <c>UPDATE_PIPELINE</c> does that of the pipeline.</summary>
    private const string Update = "UPDATE_OPENAPI";

    private static readonly IReadOnlyList<AdminOperation> Operations = AdminApi.Create().Operations;

    [Test]
    public void It_is_written_from_the_table_of_operations()
    {
        var written = AdminApiDocument.Write(Operations);
        var file = Repository.PathOf("docs", "admin-api.json");
        if (Environment.GetEnvironmentVariable(Update) == "1")
        {
            File.WriteAllText(file, written);
        }

        Assert.That(File.ReadAllText(file), Is.EqualTo(written), $"{Update}=1 with this test writes it again");
    }

    // Who may call is judged by the token alone; requests that were refused count for their address, whatever the operation.
    [Test]
    public async Task Each_address_takes_the_methods_of_its_operations_and_judges_tokens_alone()
    {
        await using var server = await TestServer.StartAsync();
        var addresses = server.Services.GetServices<EndpointDataSource>().SelectMany(source => source.Endpoints).OfType<RouteEndpoint>()
            .ToLookup(endpoint => endpoint.RoutePattern.RawText!, endpoint => endpoint.Metadata.GetMetadata<AddressAttribute>()!);

        foreach (var path in Operations.GroupBy(operation => operation.Path))
        {
            var address = addresses[Paths.AdminApi + path.Key].Single();
            Assert.That((address.Reader, address.Bucket, address.JudgesTokens, address.Cors, address.AllowsHttp, address.AnyHost), Is.EqualTo((Reader.Programs, AdminCallers.Bucket, true, false, false, false)), path.Key);
            Assert.That(address.Allow.Split(", ").Where(method => method != "HEAD"), Is.EquivalentTo(path.Select(operation => operation.Method)), path.Key);
        }
    }

    [Test]
    public void Each_operation_has_a_name_and_an_address_of_its_own()
    {
        Assert.That(Operations.Select(operation => operation.Id), Is.Unique);
        Assert.That(Operations.Select(operation => $"{operation.Method} {operation.Path}"), Is.Unique);
        Assert.That(Operations.Select(operation => operation.Summary), Has.All.EndsWith("."));
    }

    [Test]
    public void What_only_reads_ends_with_the_request_and_is_not_done_to_its_end() => Assert.That(
        Operations.Where(operation => operation.Right is AdminRight.Read or AdminRight.ReadPeople or AdminRight.ReadAudit && !operation.ChangesNothing).Select(operation => operation.Id), Is.Empty);

    [Test]
    public void What_changes_by_use_is_a_member_of_what_is_read()
    {
        var used = Operations.Select(operation => operation.Answer).OfType<Type>().Distinct().Select(type => (Type: type, type.GetCustomAttribute<ChangesByUseAttribute>()?.Paths)).Where(answer => answer.Paths is not null).ToList();
        Assert.That(used, Has.Count.GreaterThan(5));
        foreach (var (type, path) in used.SelectMany(answer => answer.Paths!.Select(path => (answer.Type, path))))
        {
            var last = path.Split('.').Aggregate((Type?)type, (within, part) => within is null ? null : AdminJson.Default.GetTypeInfo(within)?.Properties.FirstOrDefault(member => member.Name == part)?.PropertyType);
            Assert.That(last, Is.Not.Null, $"{type.Name}: {path}");
        }
    }
}
