namespace McpIdentity.Server.Persistence;

/// <summary>
/// What was told of work that no request waits for and that does itself again: the first fault since it worked, and one that is graver.
/// For one caller at a time.
/// </summary>
internal sealed class ToldFault
{
    private LogLevel? _told;

    /// <summary>It failed.</summary>
    /// <param name="exception">By what.</param>
    /// <param name="level">How grave that is (<see cref="StorageFaults.LevelOf"/>).</param>
    /// <returns>Whether it is to be told.</returns>
    public bool IsNew(Exception exception, out LogLevel level)
    {
        level = StorageFaults.LevelOf(exception);
        if (_told >= level)
        {
            return false;
        }

        _told = level;
        return true;
    }

    /// <summary>It worked.</summary>
    public void Works() => _told = null;
}
