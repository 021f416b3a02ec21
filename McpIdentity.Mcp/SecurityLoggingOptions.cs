namespace McpIdentity.Mcp;

/// <summary>From which severity on an event is written.</summary>
public enum SecurityLogLevel
{
    /// <summary>Signs of theft only: a code or refresh token that was used twice.</summary>
    Error,

    /// <summary>Refusals and weak settings too.</summary>
    Warn,

    /// <summary>Every decision, the good ones among them.</summary>
    Info,

    /// <summary>Every single refusal of a rate limit as well.</summary>
    Debug,
}

/// <summary>The security log: the section <c>Mcp:SecurityLogging</c>. One JSON object a line.</summary>
public sealed class SecurityLoggingOptions
{
    /// <summary>Unset: on in Production.</summary>
    public bool? Enabled { get; set; }

    /// <summary>From which severity on events are written; <c>LOG_LEVEL</c> in the environment.</summary>
    public SecurityLogLevel LogLevel { get; set; } = SecurityLogLevel.Info;

    /// <summary>Writes to <see cref="LogFilePath"/>; otherwise to standard output.</summary>
    public bool LogToFile { get; set; }

    /// <summary>The file, mode 0600; give it to a group (0640) where a collector of logs reads it. It must be writable, or the start is refused.</summary>
    public string LogFilePath { get; set; } = "./logs/mcp-security.log";

    /// <summary>A file that would grow beyond it is put aside as <c>.1</c>, the one before as <c>.2</c>, and so on.</summary>
    public long MaxFileSizeBytes { get; set; } = 50 * 1024 * 1024;

    /// <summary>How many files are kept, the current one among them.</summary>
    public int MaxFiles { get; set; } = 10;
}
