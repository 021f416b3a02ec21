namespace McpIdentity.Server.Settings;

/// <summary>By the names of RFC 7518 §3.1.</summary>
internal enum SigningAlgorithm
{
    ES256,
    RS256,
}
