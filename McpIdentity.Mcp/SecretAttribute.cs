namespace McpIdentity.Mcp;

/// <summary>
/// On an option whose value nobody may read: it is masked wherever settings are shown, and in what is said about them. On a
/// list or dictionary it holds for everything in it.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class SecretAttribute : Attribute;
