using System.Text.Json;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.AdminPages;
using McpIdentity.Tests.Audit;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Administration;

/// <summary>What the admin API asks of the database, asked of PostgreSQL: the other tests ask SQLite.</summary>
[Category("Postgres"), Category("Administration")]
[Parallelizable(ParallelScope.Self)]
internal sealed class AdminApiOnPostgresTests
{
    private static readonly string[] Acts =
    [
        "create_client", "update_client", "rotate_client_secret", "disable_client", "approve_client", "delete_client", "prune_clients", "disable_user", "remove_user", "set_role", "remove_role", "end_session", "end_sessions",
        "revoke_grant", "revoke_grants", "revoke_token", "remove_connection", "add_server", "apply_policy", "create_initial_access_token", "revoke_initial_access_token", "allow_tools", "rotate_keys",
    ];

    private readonly ApiDocument _document = new();
    private readonly List<string> _problems = [];
    private AdminScene _scene = null!;
    private AdminClient _owner = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _scene = await AdminScene.StartAsync(await AuditRows.DatabaseAsync("PostgreSQL"));
        _owner = await _scene.ClientAsync();
        foreach (var operation in _document.Operations.Where(operation => operation.Method == HttpMethod.Get || Acts.Contains(operation.Id)))
        {
            var path = await AdminSeeds.PathForAsync(_scene, operation);
            using var response = await _owner.SendAsync(operation.Method, path, await AdminSeeds.BodyForAsync(_scene, operation));
            _problems.AddRange(await _document.ProblemsOfAsync(operation, response));
            if ((int)response.StatusCode != operation.Success)
            {
                _problems.Add($"{operation}: {(int)response.StatusCode} {await response.Content.ReadAsStringAsync()}");
            }
        }
    }

    [OneTimeTearDown]
    public async Task StopAsync() => await _scene.DisposeAsync();

    [Test]
    public void Every_reading_operation_and_what_changes_most_is_done_as_the_document_says() => Assert.That(string.Join('\n', _problems), Is.Empty);

    // Of what the operations above have made. What is compared and what is sorted by has to be one order.
    [TestCase("/clients?sort=name"), TestCase("/clients?sort=client_id"), TestCase("/clients?sort=registered"), TestCase("/clients?kind=dynamic&status=enabled&q=e"), TestCase("/clients?never_used=true&unused_since=2100-01-01")]
    [TestCase("/users?status=enabled&q=seed"), TestCase("/sessions"), TestCase("/grants"), TestCase("/connections"), TestCase("/servers"), TestCase("/tools"), TestCase("/tool-reviews"), TestCase("/initial-access-tokens"), TestCase("/policy/versions")]
    [TestCase("/audit?only_acts=true&since=2001-01-01&text=admin%20API"), TestCase("/roles")]
    public async Task A_list_page_by_page_is_the_whole_list(string path)
    {
        var mark = path.Contains('?', StringComparison.Ordinal) ? "&" : "?";
        var all = (await PageAsync($"{path}{mark}limit=200")).GetProperty("items").EnumerateArray().Select(item => item.GetRawText()).ToList();
        var walked = new List<string>();
        for (string? cursor = ""; cursor is not null;)
        {
            var page = await PageAsync($"{path}{mark}limit=3&cursor={Uri.EscapeDataString(cursor)}");
            walked.AddRange(page.GetProperty("items").EnumerateArray().Select(item => item.GetRawText()));
            cursor = page.Text("next");
        }

        Assert.That(walked, Is.EqualTo(all));
    }

    [Test]
    public async Task Of_two_owners_who_end_each_other_at_once_one_stays() => await RoleRaces.OneOwnerStaysAsync(_scene);

    [Test]
    public async Task Of_many_roles_that_somebody_is_given_at_once_one_counts() => await RoleRaces.OneRoleIsGrantedAsync(_scene);

    [Test]
    public async Task A_row_that_somebody_forged_is_in_the_way_of_no_count()
    {
        await using var scope = _scene.Server.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        db.AuditEntries.Add(new AuditEntry { Node = "forged too", At = _scene.Server.Clock.GetUtcNow(), Event = "gateway_call", Level = "info", Result = "success", Line = "x\"count\":x", Hash = [] });
        db.AuditEntries.Add(new AuditEntry { Node = "forged", At = _scene.Server.Clock.GetUtcNow(), Event = "gateway_call", Level = "info", Result = "success", Line = "{\"count\":40}", Hash = [] });
        await db.SaveChangesAsync();

        var day = await LastDay.ReadAsync(scope.ServiceProvider, CancellationToken.None);

        Assert.That(day.Charts.Single(chart => chart.Title.StartsWith("Calls", StringComparison.Ordinal)).Series[0].Values[^1], Is.EqualTo(41));
    }

    private async Task<JsonElement> PageAsync(string path)
    {
        using var response = await _owner.GetAsync(path);
        Assert.That(response.IsSuccessStatusCode, $"{path}: {await response.Content.ReadAsStringAsync()}");
        return await response.JsonAsync();
    }
}
