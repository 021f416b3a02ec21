using McpIdentity.Server.Administration.Api;
using McpIdentity.Tests.Support;

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

    [Test]
    public void Each_operation_has_a_name_and_an_address_of_its_own()
    {
        Assert.That(Operations.Select(operation => operation.Id), Is.Unique);
        Assert.That(Operations.Select(operation => $"{operation.Method} {operation.Path}"), Is.Unique);
        Assert.That(Operations.Select(operation => operation.Summary), Has.All.EndsWith("."));
    }
}
