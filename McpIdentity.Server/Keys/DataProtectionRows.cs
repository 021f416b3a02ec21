using System.Xml.Linq;
using McpIdentity.Server.Persistence;
using Microsoft.AspNetCore.DataProtection.Repositories;

namespace McpIdentity.Server.Keys;

/// <summary>
/// The rows of the DataProtection keys, without EF Core, which every start would have to load for them. DataProtection asks and waits:
/// at the start, and once a day.
/// </summary>
internal sealed class DataProtectionRows(PreparedSql sql) : IXmlRepository
{
    private const string Select = """SELECT "Xml" FROM "DataProtectionKeys" WHERE "Xml" <> ''""";
    private const string Insert = """INSERT INTO "DataProtectionKeys" ("FriendlyName", "Xml") VALUES ($1, $2)""";

    public IReadOnlyCollection<XElement> GetAllElements() =>
        Task.Run(() => sql.ListAsync(Select, [], row => XElement.Parse(row.GetString(0)), CancellationToken.None)).GetAwaiter().GetResult();

    public void StoreElement(XElement element, string friendlyName) =>
        Task.Run(() => sql.WriteAsync(Insert, friendlyName, element.ToString(SaveOptions.DisableFormatting))).GetAwaiter().GetResult();
}
