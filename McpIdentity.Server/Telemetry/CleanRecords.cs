using McpIdentity.Mcp.Audit;
using OpenTelemetry;
using OpenTelemetry.Logs;

namespace McpIdentity.Server.Telemetry;

/// <summary>The message of a record has been cleaned like that of every line (<see cref="CleanLoggerFactory"/>); the values that it was made of are cleaned here.</summary>
internal sealed class CleanRecords : BaseProcessor<LogRecord>
{
    public override void OnEnd(LogRecord data)
    {
        if (data.Attributes?.Any(attribute => ForeignText.IsRaw(attribute.Value as string)) == true)
        {
            data.Attributes = [.. data.Attributes.Select(attribute => attribute.Key != "{OriginalFormat}" && attribute.Value is string text && ForeignText.IsRaw(text) ? KeyValuePair.Create(attribute.Key, (object?)ForeignText.Clean(text)) : attribute)];
        }
    }
}
