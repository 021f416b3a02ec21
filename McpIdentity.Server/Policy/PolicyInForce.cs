using System.Text;
using McpIdentity.Server.Federation;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Policy;

/// <summary>
/// The policy that this node decides by: that of the settings, then that of the file, then what an operator has applied. What the
/// settings say cannot be overruled by either. A document that cannot be used leaves the one before it in force.
/// </summary>
internal sealed partial class PolicyInForce
{
    private readonly IOptions<PolicyOptions> _options;
    private readonly ProtectedResources _resources;
    private readonly TrustedProviders _trusted;
    private readonly ILogger<PolicyInForce> _logger;
    private readonly Lock _taking = new();

    private PolicyOptions? _file;
    private byte[]? _fileRead;
    private PolicyOptions? _stored;
    private string? _fileProblem;
    private string? _storedProblem;
    private volatile PolicySet _current;
    private readonly HashSet<string> _said = [];

    public PolicyInForce(IOptions<PolicyOptions> options, ProtectedResources resources, TrustedProviders trusted, ILogger<PolicyInForce> logger)
    {
        (_options, _resources, _trusted, _logger) = (options, resources, trusted, logger);
        _current = new PolicySet(options.Value);
    }

    public PolicySet Current => _current;

    /// <summary>The version of the stored policy that was read last; 0 for none.</summary>
    public long Version { get; private set; }

    /// <summary>Why what is in force is not what was written last; null when it is.</summary>
    public string? Problem => _fileProblem ?? _storedProblem;

    /// <summary>Those that are known by name: what the fronted servers are called.</summary>
    public IReadOnlyCollection<string> Servers => [.. _resources.All.Select(resource => resource.Server).OfType<string>()];

    /// <summary>Reads the file again, if there is one. To look at it costs less than to be told of it, and works through a symbolic link too.</summary>
    public void ReadFile()
    {
        if (_options.Value.File is not { } path)
        {
            return;
        }

        lock (_taking)
        {
            if (PolicyFile.ReadChanged(path, ref _fileRead) is not { } read)
            {
                return;
            }

            string[] problems = [.. PolicyCheck.Problems(read, _options.Value)];
            if (Take(problems, ref _fileProblem, path) && !AreSame(read, _file))
            {
                _file = read;
                PutInForce();
            }
        }
    }

    /// <param name="version">Its number; 0 where there is none.</param>
    /// <param name="document">As it is stored.</param>
    public void TakeStored(long version, string? document)
    {
        lock (_taking)
        {
            if (version == Version)
            {
                return;
            }

            Version = version;
            var read = document is null ? null : PolicyDocument.Parse(PolicyDocument.Stored, Encoding.UTF8.GetBytes(document));
            if (Take(read is null ? [] : [.. PolicyCheck.Problems(read)], ref _storedProblem, $"{PolicyDocument.Stored} {version}"))
            {
                _stored = read;
                PutInForce();
            }
        }
    }

    /// <summary>Says at the start what is odd about it.</summary>
    public void Log()
    {
        lock (_taking)
        {
            SayOnce(PolicyCheck.Warnings(_current, Servers));
        }

        if (_current.Rules.Any(rule => rule.Written is { Groups: not null } or { Users: not null }) && !_trusted.AreAny)
        {
            NobodyCounts();
        }
    }

    /// <summary>What would be in force with another document in the place of one of the two.</summary>
    public PolicySet With(PolicyOptions proposed, bool asFile) => SetOf(asFile ? proposed : _file, asFile ? _stored : proposed);

    /// <summary>What comes before a document, and must keep its meaning.</summary>
    public IEnumerable<PolicyOptions> Above(bool file) => file || _file is null ? [_options.Value] : [_options.Value, _file];

    private PolicySet SetOf(PolicyOptions? file, PolicyOptions? stored) => new([_options.Value, .. file is null ? Array.Empty<PolicyOptions>() : [file], .. stored is null ? Array.Empty<PolicyOptions>() : [stored]]);

    private bool Take(string[] problems, ref string? known, string what)
    {
        var problem = problems.Length == 0 ? null : $"{what} cannot be used: {string.Join(" ", problems)}";
        if (problem is not null && problem != known)
        {
            CannotUse(what, string.Join(" ", problems));
        }

        known = problem;
        return problem is null;
    }

    private void PutInForce()
    {
        _current = SetOf(_file, _stored);
        InForce(_current.Rules.Count);
        SayOnce(PolicyCheck.Warnings(_current, Servers));
    }

    private void SayOnce(IEnumerable<string> warnings)
    {
        foreach (var warning in warnings.Where(_said.Add))
        {
            Odd(warning);
        }
    }

    private static bool AreSame(PolicyOptions one, PolicyOptions? other) => other is not null && PolicyText.Of(one) == PolicyText.Of(other);

    [LoggerMessage(1901, LogLevel.Information, "A changed policy is in force, of {Count} rules.")]
    private partial void InForce(int count);

    [LoggerMessage(1902, LogLevel.Error, "{What} cannot be used, and what was in force before stays so: {Problems}")]
    private partial void CannotUse(string what, string problems);

    [LoggerMessage(1903, LogLevel.Warning, "Policy: {Warning}")]
    private partial void Odd(string warning);

    [LoggerMessage(1904, LogLevel.Warning,
        "Policy names groups or e-mail addresses, and several providers can say them: none of them counts until Mcp:AdminProviders says whose word does.")]
    private partial void NobodyCounts();
}
