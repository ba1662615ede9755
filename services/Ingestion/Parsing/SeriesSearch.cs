using System.Text.Json;

namespace EasySmart.Ingestion.Parsing;

/// <summary>Watches a payload go by and finds out whether it is an array of readings, objects that all have a <c>ts</c> and a <c>value</c>.</summary>
/// <param name="isArray">Whether the payload is an array at all.</param>
internal ref struct SeriesSearch(bool isArray)
{
    private bool _may = isArray;
    private List<Range>? _parts;
    private long _start;
    private bool _time;
    private bool _value;

    /// <summary>The readings found; null when it is no such array.</summary>
    public readonly List<Range>? Parts => _may ? _parts : null;

    /// <summary>Sees the token that the reader stands on.</summary>
    public void See(ref readonly Utf8JsonReader reader)
    {
        if (!_may || reader.CurrentDepth > 2)
        {
            return;
        }

        switch (reader.CurrentDepth, reader.TokenType)
        {
            case (1, JsonTokenType.StartObject):
                (_start, _time, _value) = (reader.TokenStartIndex, false, false);
                break;
            case (1, JsonTokenType.EndObject):
                _may = _time && _value;
                (_parts ??= []).Add((int)_start..(int)reader.BytesConsumed);
                break;
            case (1, _):
                _may = false;
                break;
            case (2, JsonTokenType.PropertyName):
                _time |= reader.ValueTextEquals("ts"u8);
                _value |= reader.ValueTextEquals("value"u8);
                break;
        }
    }
}
