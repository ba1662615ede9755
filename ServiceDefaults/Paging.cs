using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Extensions;
using Microsoft.Net.Http.Headers;

namespace EasySmart.ServiceDefaults;

/// <summary>How a list goes on: the answer is a plain array, and the next page is in the <c>Link</c> header.</summary>
public static class Paging
{
    /// <summary>
    /// Drops what was read past <paramref name="limit"/>, and when there was any, tells where the next page is. A list reads one row more
    /// than it shows, so that no <c>Link</c> leads to an empty page.
    /// </summary>
    /// <param name="read">The page, and the row after it if there is one.</param>
    /// <param name="limit">Most that the page holds.</param>
    /// <param name="response">The answer with the page.</param>
    /// <param name="cursor">The place after a row.</param>
    /// <returns><paramref name="read"/>, cut.</returns>
    public static List<T> Cut<T>(List<T> read, int limit, HttpResponse response, Func<T, string> cursor)
    {
        if (read.Count > limit)
        {
            read.RemoveRange(limit, read.Count - limit);
            response.LinkNext(cursor(read[^1]));
        }

        return read;
    }

    /// <summary>A cursor of two parts, opaque to clients, so that what is in it stays ours to change.</summary>
    /// <param name="first">What the list is sorted by.</param>
    /// <param name="second">What tells rows apart that are alike in the first.</param>
    public static string WriteCursor(IFormattable first, IFormattable second) => Base64Url.EncodeToString(
        Encoding.ASCII.GetBytes($"{first.ToString(null, CultureInfo.InvariantCulture)}/{second.ToString(null, CultureInfo.InvariantCulture)}"));

    /// <summary>Reads the two parts of a cursor; they may still be anything.</summary>
    /// <param name="text">As a client sent it.</param>
    /// <param name="parts">Both parts.</param>
    /// <returns>Whether it has the shape of one that <see cref="WriteCursor"/> wrote.</returns>
    public static bool TryReadCursor(string text, [NotNullWhen(true)] out string[]? parts)
    {
        parts = Base64Url.IsValid(text) && Encoding.ASCII.GetString(Base64Url.DecodeFromChars(text)).Split('/') is [var first, var second]
            ? [first, second]
            : null;
        return parts is not null;
    }

    /// <summary>
    /// Adds <c>Link: &lt;?…&amp;cursor=…&gt;; rel="next"</c>: the request's own query with another cursor, relative to the route as the
    /// client called it, whatever prefix that had.
    /// </summary>
    /// <param name="response">The answer with the page.</param>
    /// <param name="cursor">Where the next page begins; opaque to clients.</param>
    public static void LinkNext(this HttpResponse response, string cursor)
    {
        var query = new QueryBuilder(response.HttpContext.Request.Query
            .Where(q => q.Key != "cursor").SelectMany(q => q.Value, (q, value) => KeyValuePair.Create(q.Key, value ?? "")))
        {
            { "cursor", cursor },
        };
        response.Headers.Append(HeaderNames.Link, $"<{query}>; rel=\"next\"");
    }
}
