using System.ComponentModel.DataAnnotations;

namespace EasySmart.Ingestion.Rejected;

/// <summary>Section <c>Ingestion</c>, what concerns refusals.</summary>
internal sealed record RejectionOptions
{
    /// <summary>For how many days refusals are kept.</summary>
    [Range(1, 3650, ErrorMessage = "Ingestion:RejectionDays must be {1} to {2}")]
    public int RejectionDays { get; init; } = 30;
}
