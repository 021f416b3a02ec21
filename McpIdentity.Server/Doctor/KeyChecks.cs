using System.Xml.Linq;
using McpIdentity.Migrations;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Operations;
using McpIdentity.Server.Settings;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Doctor;

/// <summary>Signing keys, the keys of cookies, and the encryption key that all of them are stored under.</summary>
internal static class KeyChecks
{
    private const string PutItThere = "Put the encryption key that they were stored under into OAuth:PreviousEncryptionKeys.";

    private static readonly Check Readable = new("keys.readable", Verdict.Fail, "Can the stored signing keys be decrypted?", PutItThere, "docs/sessions.md, \"Changing the encryption key\"");
    private static readonly Check InForce = new("keys.in-force", Verdict.Fail, "Is there a key that signs now?", "Is the clock right? 'keys list' has the dates, 'keys rotate' makes another key.", "docs/operations.md, \"Signing keys\"");

    private static readonly Check Age = new("keys.age", Verdict.Warn, "Is the key that signs as young as OAuth:SigningKeyRotation says?",
        "A server that runs makes the next one by itself; without one, run 'keys rotate'.", "docs/operations.md, \"Signing keys\"");

    private static readonly Check Cookies = new("keys.cookies", Verdict.Fail, "Can the keys of cookies and pending requests be decrypted?", PutItThere, "docs/sessions.md, \"Changing the encryption key\"");

    private static readonly Check Nodes = new("keys.nodes", Verdict.Fail, "Do all servers on this database use an encryption key that is read here?",
        "Give all servers the same ENCRYPTION_KEY; to change it, give all of them the new one in OAuth:PreviousEncryptionKeys first.", "docs/sessions.md, \"Changing the encryption key\"");

    private static readonly TimeSpan Margin = TimeSpan.FromDays(1);

    public static Examination Examination { get; } = new([Readable, InForce, Age, Cookies, Nodes], RunAsync, NeedsDatabase: true);

    private static async Task<IReadOnlyList<CheckResult>> RunAsync(Patient patient, CancellationToken cancellationToken)
    {
        if (!patient.Get<ServerSettings>().OAuth.Enabled)
        {
            return [Readable.Pass("none are needed: OAuth:Enabled is off")];
        }

        var db = patient.Get<McpIdentityDbContext>();
        var stored = await db.SigningKeys.AsNoTracking().ToListAsync(cancellationToken);
        var encryption = patient.Get<EncryptionKeys>();
        var usable = stored.Where(key => encryption.Unprotect(SigningKeyStore.Purpose, key.ProtectedKey) is not null).ToList();
        var readable = (stored.Count, usable.Count) switch
        {
            (0, _) => Readable.Note("there is no signing key yet: the first start makes it", "Start the server once."),
            (_, 0) => Readable.Bad("no signing key can be decrypted: ENCRYPTION_KEY is another one than they were stored under"),
            var (all, some) when some < all => Readable.Warn($"{all - some} of {all} signing keys cannot be decrypted"),
            _ => Readable.Pass($"{usable.Count} signing keys can be decrypted"),
        };
        List<CheckResult> results = [readable];
        if (usable.Count > 0)
        {
            results.AddRange(JudgeDates(usable, patient.Get<IOptions<OAuthServerOptions>>().Value.SigningKeyRotation));
        }

        var cookies = await db.DataProtectionKeys.AsNoTracking().Select(key => key.Xml).ToListAsync(cancellationToken);
        var lost = cookies.Count(xml => !IsRead(encryption, xml));
        results.Add(Cookies.Judge(lost == 0, $"{cookies.Count} keys of cookies can be decrypted", $"{lost} of {cookies.Count} keys of cookies cannot be decrypted: browsers are signed out, and requests that are under way end"));

        // SQLite has one server, and its row is of whoever started last.
        if (db.Database.IsNpgsql())
        {
            var seen = TimeProvider.System.GetUtcNow().AddMinutes(-1);
            var nodes = await db.Nodes.AsNoTracking().Where(node => node.SeenAt > seen && node.Keys != "").ToListAsync(cancellationToken);
            var strangers = nodes.Count(node => !encryption.Fingerprints.Contains(node.Keys.Split(' ')[0]));
            results.Add(Nodes.Judge(strangers == 0, $"{nodes.Count} servers run on this database, with a key that is read here",
                $"{strangers} of {nodes.Count} servers on this database use an encryption key that is not read here (the one here has the fingerprint {encryption.Fingerprint})"));
            nodes.ForEach(node => patient.Took("another server", node.SeenAt > TimeProvider.System.GetUtcNow() ? node.SeenAt - TimeProvider.System.GetUtcNow() : TimeSpan.Zero));
        }

        return results;
    }

    private static IEnumerable<CheckResult> JudgeDates(List<Migrations.Entities.SigningKey> usable, TimeSpan rotation)
    {
        var now = TimeProvider.System.GetUtcNow();
        var current = usable.Where(key => key.ActivatesAt <= now && !(key.RetiresAt <= now)).MaxBy(key => key.ActivatesAt);
        if (current is null)
        {
            yield return InForce.Bad("no signing key is in force now");
            yield break;
        }

        yield return InForce.Pass($"{current.Id} signs, with {current.Algorithm}");
        var age = now - current.ActivatesAt;
        yield return Age.Judge(rotation <= TimeSpan.Zero || age <= rotation + Margin, $"it has signed for {age.TotalDays:0} days",
            $"it has signed for {age.TotalDays:0} days, and OAuth:SigningKeyRotation is {rotation.TotalDays:0}: no server has made the next one");
    }

    private static bool IsRead(EncryptionKeys encryption, string? xml) =>
        xml is null || XElement.Parse(xml).Descendants(DataProtectionEncryptor.Element).All(element => encryption.Unprotect(DataProtectionEncryptor.Purpose, element.Value) is not null);
}
