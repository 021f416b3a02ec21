using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace McpIdentity.Server.Housekeeping;

/// <summary>How many rows, and what is in them, whatever their order: two databases that have the same come to the same.</summary>
internal readonly record struct RowSum(long Rows, UInt128 Sum)
{
    public RowSum With(object?[] row)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> length = stackalloc byte[4];
        foreach (var value in row)
        {
            var bytes = BytesOf(value);
            BinaryPrimitives.WriteInt32LittleEndian(length, value is null ? -1 : bytes.Length);
            hash.AppendData(length);
            hash.AppendData(bytes);
        }

        return new RowSum(Rows + 1, unchecked(Sum + BinaryPrimitives.ReadUInt128LittleEndian(hash.GetHashAndReset())));
    }

    private static byte[] BytesOf(object? value) => value switch
    {
        null => [],
        byte[] bytes => bytes,
        string text => Encoding.UTF8.GetBytes(text),
        // PostgreSQL keeps microseconds.
        DateTimeOffset moment => BitConverter.GetBytes(moment.UtcTicks / TimeSpan.TicksPerMicrosecond),
        DateTime moment => BitConverter.GetBytes(moment.Ticks / TimeSpan.TicksPerMicrosecond),
        Guid id => id.ToByteArray(),
        bool or byte or short or int or long or Enum => BitConverter.GetBytes(Convert.ToInt64(value, CultureInfo.InvariantCulture)),
        _ => throw new NotSupportedException($"A column of {value.GetType()} cannot be copied yet: say in {nameof(RowSum)} what of it is compared."),
    };
}
