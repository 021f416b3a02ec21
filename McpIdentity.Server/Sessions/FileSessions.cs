using System.Runtime.CompilerServices;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Sessions;

/// <summary>
/// Sessions of one process that outlive it: in memory for reading, in one file for the next start. A change is answered when
/// it is on the disk; changes that come while a write runs share the next one.
/// </summary>
internal sealed partial class FileSessions(
    IOptions<SessionStorageOptions> options, EncryptionKeys keys, TimeProvider time, ILogger<FileSessions> logger) : ISessionStorage, IDisposable
{
    private const string Header = "McpIdentity sign-in sessions, 1";

    private static readonly TimeSpan CheckAfter = TimeSpan.FromSeconds(5);

    private readonly SessionFile _file = new(options.Value.FilePath!);
    private readonly Lock _changing = new();
    private readonly SemaphoreSlim _writing = new(1);
    private readonly Dictionary<string, (SignInSession Session, string Sealed)> _sessions = new(StringComparer.Ordinal);
    private List<string> _underOtherKeys = [];
    private long _version;
    private long _written;
    private long _writtenAt;

    public async Task<int> OpenAsync(CancellationToken cancellationToken)
    {
        _file.Open();
        var unreadable = Load();
        _version++;
        try
        {
            // At once, so that a path that cannot be written to is known before somebody signs in; and under the current key.
            await SaveAsync(cancellationToken);
        }
        catch (StorageUnavailableException exception)
        {
            throw new InvalidOperationException($"The session file {_file.Path} cannot be written: {exception.InnerException!.Message}", exception);
        }

        return unreadable;
    }

    public Task AddAsync(SignInSession session, CancellationToken cancellationToken)
    {
        lock (_changing)
        {
            Put(session);
        }

        return SaveAsync(cancellationToken);
    }

    public Task<SignInSession?> FindAsync(string id, CancellationToken cancellationToken)
    {
        lock (_changing)
        {
            return Task.FromResult(_sessions.TryGetValue(id, out var known) ? known.Session : null);
        }
    }

    public async Task<SignInSession?> UpdateAsync(string id, Func<SignInSession, SignInSession> change, CancellationToken cancellationToken)
    {
        SignInSession changed;
        lock (_changing)
        {
            if (!_sessions.TryGetValue(id, out var known))
            {
                return null;
            }

            changed = change(known.Session);
            if (changed == known.Session)
            {
                return changed;
            }

            Put(changed);
        }

        await SaveAsync(cancellationToken);
        return changed;
    }

    public async Task<bool> EndAsync(string id, CancellationToken cancellationToken)
    {
        lock (_changing)
        {
            if (!_sessions.Remove(id))
            {
                return false;
            }

            _version++;
        }

        await SaveAsync(cancellationToken);
        return true;
    }

    public async IAsyncEnumerable<SignInSession> ListAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        SignInSession[] sessions;
        lock (_changing)
        {
            sessions = [.. _sessions.Values.Select(known => known.Session)];
        }

        foreach (var session in sessions)
        {
            yield return session;
        }

        await Task.CompletedTask;
    }

    public Task<IReadOnlyList<SignInSession>> ListOfAsync(string userId, CancellationToken cancellationToken)
    {
        lock (_changing)
        {
            return Task.FromResult<IReadOnlyList<SignInSession>>([.. _sessions.Values.Select(known => known.Session).Where(session => session.UserId == userId)]);
        }
    }

    /// <summary>Writes: a disk that is full or gone is noticed here.</summary>
    public async Task CheckAsync(CancellationToken cancellationToken)
    {
        // Anybody may ask for the health, as often as they like; what waits to be written is tried each time.
        if (Interlocked.Read(ref _written) == Interlocked.Read(ref _version) && time.GetElapsedTime(_writtenAt) < CheckAfter)
        {
            return;
        }

        lock (_changing)
        {
            _version++;
        }

        await SaveAsync(cancellationToken);
    }

    public void Dispose()
    {
        _file.Dispose();
        _writing.Dispose();
    }

    private int Load()
    {
        var lines = _file.Read();
        var sealedSessions = lines.Skip(1).ToList();
        var opened = sealedSessions.ConvertAll(line => SealedSession.Open(keys, line));
        foreach (var session in opened.OfType<SignInSession>().Where(session => session.KeptUntil > time.GetUtcNow()))
        {
            Put(session);
        }

        // Under another key is one thing, which the caller counts; a line that a known key cannot open was changed or cut.
        var lost = sealedSessions.Where((_, i) => opened[i] is null).ToList();
        if (lost.Exists(IsStrange) || (lines.Length > 0 && lines[0] != Header))
        {
            Corrupt(_file.Path, _file.MoveAside(time.GetUtcNow()), _sessions.Count);
        }

        // They stay in the file: who started with the wrong key starts again with the right one.
        _underOtherKeys = [.. lost.Where(line => !IsStrange(line))];
        return _underOtherKeys.Count;
    }

    private bool IsStrange(string line) => keys.Prefixes.Contains(EncryptionKeys.PrefixOf(line)) || !System.Buffers.Text.Base64Url.IsValid(line);

    private void Put(SignInSession session)
    {
        _sessions[session.Id] = (session, SealedSession.Seal(keys, session));
        _version++;
    }

    private async Task SaveAsync(CancellationToken cancellationToken)
    {
        var mine = Interlocked.Read(ref _version);
        await _writing.WaitAsync(cancellationToken);
        try
        {
            if (_written >= mine)
            {
                return;
            }

            var (lines, version) = Snapshot();
            // Not the caller's token: others wait for this write.
            await _file.WriteAsync(lines, CancellationToken.None);
            _written = version;
            _writtenAt = time.GetTimestamp();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // What is in memory goes to the disk with the next write that works.
            throw new StorageUnavailableException($"The session file {_file.Path} cannot be written.", exception);
        }
        finally
        {
            _writing.Release();
        }
    }

    private (List<string> Lines, long Version) Snapshot()
    {
        lock (_changing)
        {
            var now = time.GetUtcNow();
            foreach (var (id, known) in _sessions)
            {
                if (known.Session.KeptUntil <= now)
                {
                    _sessions.Remove(id);
                }
            }

            return ([Header, .. _sessions.Values.Select(known => known.Sealed), .. _underOtherKeys], _version);
        }
    }

    [LoggerMessage(1302, LogLevel.Warning, "The session file {Path} was damaged and is now {Aside}. {Kept} of its sessions could be read and go on.")]
    private partial void Corrupt(string path, string aside, int kept);
}
