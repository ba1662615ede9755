using System.Globalization;
using System.Text;

namespace EasySmart.Load;

/// <summary>Charts of text.</summary>
internal static class Chart
{
    private const string Levels = "▁▂▃▄▅▆▇█";
    private const int MostPoints = 60;
    private const int BarLength = 40;

    /// <summary>A line of levels from 0 to the highest value, with the ends of the scale.</summary>
    public static string Line(IReadOnlyList<double> values, string unit)
    {
        if (values.Count == 0)
        {
            return "";
        }

        // More than fit are drawn as the means of neighbours.
        var group = (values.Count + MostPoints - 1) / MostPoints;
        var points = values.Chunk(group).Select(chunk => chunk.Average()).ToArray();
        var highest = Math.Max(points.Max(), double.Epsilon);
        var line = string.Concat(points.Select(point => Levels[(int)Math.Round(point / highest * (Levels.Length - 1))]));
        return string.Create(CultureInfo.InvariantCulture, $"{line}  {values.Min():N0} to {values.Max():N0} {unit}");
    }

    /// <summary>Bars of one scale, each with its name and number.</summary>
    public static string Bars(IReadOnlyList<(string Name, double Value)> bars, string unit)
    {
        var (highest, width) = (Math.Max(bars.Max(bar => bar.Value), double.Epsilon), bars.Max(bar => bar.Name.Length));
        var text = new StringBuilder();
        foreach (var (name, value) in bars)
        {
            text.Append(CultureInfo.InvariantCulture, $"{name.PadRight(width)} {new string('█', (int)Math.Round(value / highest * BarLength))} {value:N0} {unit}\n");
        }

        return text.ToString();
    }
}
