using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Federation;
using McpIdentity.Server.Gateway;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Policy;
using McpIdentity.Server.Sessions;

namespace McpIdentity.Server.Administration;

/// <summary>A document that is only proposed.</summary>
/// <param name="Document">Groups and rules, as JSON.</param>
/// <param name="AsFile">Whether it would take the place of that of <c>Policy:File</c>, instead of the one that was applied last.</param>
internal sealed record PolicyProposal(byte[] Document, bool AsFile = false);

/// <summary>Which policy an operator means, and whom: the one in force or a proposed one; somebody who has signed in, or is only known by an address.</summary>
internal sealed class PolicyReading(PreparedSql sql, PolicyFeed feed, PolicyInForce inForce, TrustedProviders trusted, SignInProviders providers, IServiceProvider services)
{
    /// <summary>What is stored now: the running program knows it by itself within seconds, a verb does not.</summary>
    public async Task ReadAsync(CancellationToken cancellationToken)
    {
        await services.LoadStoredServersAsync(cancellationToken);
        await feed.LoadAsync(cancellationToken);
    }

    /// <returns>What would be in force with the proposal; without one what is.</returns>
    public Outcome<PolicySet> PolicyOf(PolicyProposal? proposal)
    {
        if (proposal is null)
        {
            return inForce.Current;
        }

        var proposed = PolicyDocument.Parse(TitleOf(proposal), proposal.Document);
        string[] problems = [.. PolicyCheck.Problems(proposed, inForce.Above(proposal.AsFile))];
        return problems.Length > 0 ? Invalid(problems) : inForce.With(proposed, proposal.AsFile);
    }

    /// <returns>The person, and whether they have ever signed in: who has not is judged by the address.</returns>
    public async Task<Outcome<(VouchedPerson Person, bool HasSignedIn)?>> PersonAsync(string wanted, CancellationToken cancellationToken)
    {
        var found = await OperatorNames.UsersAsync(sql, wanted, cancellationToken);
        if (found.Count == 0 && wanted.Contains('@', StringComparison.Ordinal))
        {
            return new((new VouchedPerson(null, providers.All.Select(provider => provider.Id).Append(DemoProvider.Name).FirstOrDefault(trusted.Include), wanted, true), false), null);
        }

        var (user, problem) = await OperatorNames.UserAsync(sql, wanted, cancellationToken);
        return problem is null ? new Outcome<(VouchedPerson Person, bool HasSignedIn)?>((Of(user!), true), null) : problem;
    }

    /// <summary>As the policy knows them.</summary>
    public static VouchedPerson Of(User user) => new(user.Id, user.Provider, user.Email, user.EmailVerified) { Groups = SaidGroups.Parse(user.Groups) };

    /// <summary>In whose place it would be.</summary>
    public static string TitleOf(PolicyProposal proposal) => proposal.AsFile ? PolicyDocument.File : PolicyDocument.Stored;

    /// <summary>The policy is none.</summary>
    public static AdminProblem Invalid(string[] problems) => new("policy_invalid", StatusCodes.Status422UnprocessableEntity, string.Join('\n', problems))
    {
        Errors = new Dictionary<string, string[]> { ["document"] = problems },
    };
}
