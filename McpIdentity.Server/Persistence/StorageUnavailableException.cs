namespace McpIdentity.Server.Persistence;

/// <summary>A store that is not the database, a session file or Redis, is out of reach. The caller is told to come back: 503, not 401.</summary>
internal sealed class StorageUnavailableException(string message, Exception? innerException = null) : Exception(message, innerException);
