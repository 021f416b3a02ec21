using System.Diagnostics;
using OpenTelemetry;

namespace McpIdentity.Server.Telemetry;

/// <summary>What no trace needs, and what none may have, taken out before it is sent.</summary>
internal sealed class TidySpans : BaseProcessor<Activity>
{
    public override void OnEnd(Activity data)
    {
        // The database is asked twice a second whether others have revoked something: a trace of one span for each, which nobody caused.
        if (data is { Source.Name: "Npgsql", Parent: null } && data.ParentSpanId == default)
        {
            data.ActivityTraceFlags &= ~ActivityTraceFlags.Recorded;
        }

        // .NET puts an asterisk for a query, unless somebody has switched that off.
        if (data.GetTagItem("url.full") is string url && url.IndexOf('?', StringComparison.Ordinal) is >= 0 and var query)
        {
            data.SetTag("url.full", url[..query]);
        }
    }
}
