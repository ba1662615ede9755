using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Extensions;
using Microsoft.Net.Http.Headers;

namespace EasySmart.ServiceDefaults;

/// <summary>How a list goes on: the answer is a plain array, and the next page is in the <c>Link</c> header.</summary>
public static class Paging
{
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
